import { randomUUID } from 'node:crypto';
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { GatewayLog } from '../gateway-log.js';
import type {
  LeaseCall,
  LeaseGrant,
  Ledger,
  Outcome,
  Verification,
  VerifyCall,
} from '../ledger.js';
import { AnswerFault, readLease, readQuota, readVerification } from './ledger-answers.js';

/** A node may wait 2 s for a position; the rest is the way there and back. */
const CALL_MS_MAX = 2_500;
const CONNECTIONS_MAX = 64;
const ANSWER_BYTES_MAX = 256 * 1024;
const REFUSES = 'the ledger refuses this gateway';

export interface LedgerClientOptions {
  /** Origin of the ledger, such as `https://ledger.internal:8080`. */
  readonly url: string;
  /** The gateway's own secret. Never logged. */
  readonly token: string;
  readonly log: GatewayLog;
  readonly callMsMax?: number;
}

interface Call {
  readonly method: 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly body?: object;
  readonly headers?: Readonly<Record<string, string>>;
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly answeredAtMs: number | null;
  readonly retryAfterSeconds: number | undefined;
}

/** The ledger's native API, over connections that stay open. Every call ends within its deadline. */
export class LedgerClient implements Ledger {
  readonly #agent: HttpAgent | HttpsAgent;
  readonly #request: typeof httpRequest;
  readonly #url: URL;
  #isAvailable = true;

  constructor(private readonly options: LedgerClientOptions) {
    this.#url = new URL(options.url);
    const settings = { keepAlive: true, maxSockets: CONNECTIONS_MAX };
    const isTls = this.#url.protocol === 'https:';
    this.#agent = isTls ? new HttpsAgent(settings) : new HttpAgent(settings);
    this.#request = isTls ? (httpsRequest as typeof httpRequest) : httpRequest;
  }

  verify({ secret, question, minPosition, cost = 0, operation }: VerifyCall) {
    const isCharged = cost > 0;
    const call: Call = {
      ...{ method: 'POST', path: '/v1/verify' },
      body: { token: secret, ...question, ...(isCharged ? { cost, operation } : {}) },
      headers: {
        ...(minPosition ? { 'ledger-min-position': String(minPosition) } : {}),
        ...(isCharged ? { 'idempotency-key': randomUUID() } : {}),
      },
    };
    return this.#call<Verification>(call, ({ body, answeredAtMs }) => {
      return readVerification(body, answeredAtMs);
    });
  }

  lease({ tokenId, units, operation }: LeaseCall): Promise<Outcome<LeaseGrant>> {
    const body = { tokenId, units, operation };
    const headers = { 'idempotency-key': randomUUID() };
    const call: Call = { method: 'POST', path: '/v1/quota/leases', body, headers };
    return this.#call(call, ({ body: lease, answeredAtMs }) => readLease(lease, answeredAtMs));
  }

  returnLease(leaseId: string, tokenId: string, unusedUnits: number): Promise<Outcome<void>> {
    const path = `/v1/quota/leases/${encodeURIComponent(leaseId)}/return`;
    return this.#call({ method: 'POST', path, body: { tokenId, unusedUnits } }, () => undefined);
  }

  acknowledge(gatewayId: string, position: bigint): Promise<Outcome<void>> {
    const path = `/v1/gateways/${gatewayId}`;
    const body = { position: String(position) };
    return this.#call({ method: 'PUT', path, body }, () => undefined);
  }

  forgetGateway(gatewayId: string): Promise<Outcome<void>> {
    return this.#call({ method: 'DELETE', path: `/v1/gateways/${gatewayId}` }, () => undefined);
  }

  /** Closes the connections. Calls under way end as unavailable. */
  close(): void {
    this.#agent.destroy();
  }

  async #call<Value>(call: Call, read: (answer: Answer) => Value): Promise<Outcome<Value>> {
    const outcome = await this.#outcomeOf(call, read);
    const isAvailable = outcome.outcome !== 'unavailable';
    if (isAvailable === this.#isAvailable) return outcome;
    this.#isAvailable = isAvailable;
    // Once, not at each call of an outage.
    const { log } = this.options;
    if (isAvailable) log.info('ledger.available');
    else if (outcome.reason.startsWith(REFUSES)) log.error('ledger.refuses-gateway', outcome);
    else log.warn('ledger.unavailable', { path: call.path, ...outcome });
    return outcome;
  }

  async #outcomeOf<Value>(call: Call, read: (answer: Answer) => Value): Promise<Outcome<Value>> {
    try {
      const answer = await this.#exchange(call);
      const { status, retryAfterSeconds } = answer;
      if (status >= 200 && status < 300) return { outcome: 'answered', value: read(answer) };
      const { code, quota } = problemOf(answer.body);
      if (status === 401 || (status === 403 && code !== 'QUOTA_EXCEEDED')) {
        // It is the gateway that is refused, which says nothing about whoever called it.
        return { outcome: 'unavailable', reason: `${REFUSES}: ${code}`, retryAfterSeconds };
      }
      if (status >= 500 || code === 'RATE_LIMITED') {
        return { outcome: 'unavailable', reason: `the ledger said ${code}`, retryAfterSeconds };
      }
      return { outcome: 'refused', status, code, retryAfterSeconds, quota };
    } catch (error) {
      const reason =
        error instanceof AnswerFault ? `unreadable: ${error.message}` : reasonOf(error);
      return { outcome: 'unavailable', reason, retryAfterSeconds: undefined };
    }
  }

  /** One call; a second one where the first met a connection that was just being closed. */
  async #exchange(call: Call): Promise<Answer> {
    const deadline = AbortSignal.timeout(this.options.callMsMax ?? CALL_MS_MAX);
    try {
      return await this.#send(call, deadline);
    } catch (error) {
      // Nothing here does harm twice: charges and leases carry a key, all else may be repeated.
      if (!(error as { reusedSocket?: boolean }).reusedSocket || deadline.aborted) throw error;
      return this.#send(call, deadline);
    }
  }

  #send({ method, path, body, headers }: Call, signal: AbortSignal): Promise<Answer> {
    const text = body === undefined ? undefined : JSON.stringify(body);
    return new Promise((resolve, reject) => {
      const request = this.#request(new URL(path, this.#url), {
        ...{ method, signal, agent: this.#agent },
        headers: {
          authorization: `Bearer ${this.options.token}`,
          accept: 'application/json, application/problem+json',
          ...(text === undefined ? {} : { 'content-type': 'application/json' }),
          ...(text === undefined ? {} : { 'content-length': String(Buffer.byteLength(text)) }),
          ...headers,
        },
      });
      request.on('error', (error) => {
        const { code } = error as NodeJS.ErrnoException;
        const reusedSocket = request.reusedSocket && (code === 'ECONNRESET' || code === 'EPIPE');
        reject(Object.assign(error, { reusedSocket }));
      });
      request.on('response', (response) => {
        readAnswer(response).then(resolve, reject);
      });
      request.end(text);
    });
  }
}

async function readAnswer(response: IncomingMessage): Promise<Answer> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of response as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > ANSWER_BYTES_MAX) throw new AnswerFault('it is too long');
    parts.push(part);
  }
  const { date, 'retry-after': retryAfter } = response.headers;
  const answeredAtMs = date === undefined ? NaN : Date.parse(date);
  const seconds = Number.parseInt(retryAfter ?? '', 10);
  return {
    status: response.statusCode ?? 0,
    body: bytes === 0 ? undefined : parseJson(Buffer.concat(parts).toString('utf8')),
    answeredAtMs: Number.isNaN(answeredAtMs) ? null : answeredAtMs,
    retryAfterSeconds: seconds >= 0 ? seconds : undefined,
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new AnswerFault('no JSON');
  }
}

function problemOf(body: unknown) {
  const { code, quota } = (body ?? {}) as { code?: unknown; quota?: unknown };
  const isQuota = typeof quota === 'object' && quota !== null;
  return {
    code: typeof code === 'string' ? code : 'UNKNOWN',
    quota: isQuota ? readQuota(quota) : null,
  };
}

/** By code where there is one: texts of errors may hold addresses, and are nobody's contract. */
function reasonOf(error: unknown): string {
  const { code, name } = error as NodeJS.ErrnoException;
  return code ?? name;
}
