import { CliFault, ExitCode } from '../exit-code.js';
import { printable } from '../terminal/output.js';

const EXIT_CODES: Readonly<Record<number, ExitCode>> = {
  400: ExitCode.usage,
  401: ExitCode.forbidden,
  403: ExitCode.forbidden,
  404: ExitCode.notFound,
  409: ExitCode.conflict,
  412: ExitCode.conflict,
  429: ExitCode.exhausted,
  503: ExitCode.unavailable,
};

type Members = Readonly<Record<string, unknown>>;

/** An answer that refuses, as a fault: its problem document, told in a line or a few. */
export function faultOf(response: Response, text: string): CliFault {
  const exitCode = EXIT_CODES[response.status] ?? ExitCode.failed;
  const problem = parse(text);
  if (typeof problem?.['code'] !== 'string') {
    const type = response.headers.get('content-type') ?? 'no content type';
    return new CliFault(
      exitCode,
      `the answer is ${response.status} (${type}), which is not how token-ledger refuses: ` +
        'is this its URL?',
      { code: 'UNKNOWN_ANSWER', status: response.status },
    );
  }
  return new CliFault(exitCode, messageOf(problem, response), problem);
}

/** The service cannot be reached, or broke off. */
export function unreachable(url: URL, error: unknown): CliFault {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const reason = cause instanceof Error ? cause.message || cause.name : String(cause);
  const message = `${url.origin} does not answer: ${reason}`;
  return new CliFault(ExitCode.unavailable, message, { code: 'UNREACHABLE' });
}

function messageOf(problem: Members, response: Response): string {
  const { title, detail, code, instance } = problem;
  // Where each fault has a line of its own, the detail says the same again.
  const words = Array.isArray(problem['errors']) ? [title] : [title, detail];
  const said = [...new Set(words.filter((part) => typeof part === 'string' && part !== ''))];
  const request = instance ?? response.headers.get('x-request-id');
  const lines = [
    `${said.join(': ')} (${code}${request ? `, request ${request}` : ''})`,
    ...faults(problem),
  ];
  const retryAfter = response.headers.get('retry-after');
  if (retryAfter) lines.push(`  try again after ${retryAfter} seconds`);
  return lines.map(printable).join('\n');
}

function faults({ errors, missingScopes, ownMaxQuota, revision }: Members): string[] {
  const lines = Array.isArray(errors) ? errors.map((fault) => `  ${placed(fault)}`) : [];
  if (Array.isArray(missingScopes)) lines.push(`  missing scopes: ${missingScopes.join(', ')}`);
  if (ownMaxQuota !== undefined) lines.push(`  your own maximal quota: ${String(ownMaxQuota)}`);
  if (revision !== undefined) lines.push(`  its revision is now ${String(revision)}`);
  return lines;
}

function placed(fault: unknown): string {
  if (typeof fault !== 'object' || fault === null) return String(fault);
  const { pointer, parameter, header, message } = fault as Members;
  const place = [pointer, parameter, header].find((each) => typeof each === 'string');
  return place === undefined ? String(message) : `${place}: ${message}`;
}

function parse(text: string): Members | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Members) : undefined;
  } catch {
    return undefined;
  }
}
