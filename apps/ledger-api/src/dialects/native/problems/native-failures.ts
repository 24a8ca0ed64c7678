import type { Answer, DialectFailures, HttpFailure } from '../../../http/answer.js';
import { invalidRequest, notFound, problem } from './problem.js';

/** The failures that all dialects share, as problems. Answers for every path that is no dialect's own. */
export const nativeFailures: DialectFailures = {
  prefix: '/v1',
  answer(failure: HttpFailure, requestId: string): Answer {
    switch (failure.kind) {
      case 'route-not-found':
        return notFound(requestId).answer;
      case 'method-not-allowed': {
        const allow = failure.allow.join(', ');
        return problem('METHOD_NOT_ALLOWED', requestId, { headers: { allow } });
      }
      case 'malformed':
        return invalidRequest(requestId, [{ pointer: '', message: failure.message }]).answer;
      case 'payload-too-large':
        return problem('PAYLOAD_TOO_LARGE', requestId);
      case 'unreadable':
        return invalidRequest(requestId, [
          { pointer: '', message: 'The message is no HTTP request that can be read in one way.' },
        ]).answer;
      case 'head-too-large':
        return problem('HEADERS_TOO_LARGE', requestId);
      case 'too-slow':
        return problem('REQUEST_TIMEOUT', requestId);
      case 'unsupported-media-type':
        return problem('UNSUPPORTED_MEDIA_TYPE', requestId, { detail: failure.message });
      case 'unavailable': {
        const { code, message: detail, retryAfterSeconds } = failure;
        const headers = { 'retry-after': String(retryAfterSeconds) };
        return problem(code, requestId, { detail, headers });
      }
      case 'internal':
        return problem('INTERNAL_ERROR', requestId);
    }
  },
};
