/** Where a proxy says which call it asks about. */
export interface ProxyDialect {
  /** Header with the method, in lower case; null for the method of the request itself. */
  readonly method: string | null;
  /** Header with the target, in lower case; null for the target of the request, without `prefix`. */
  readonly target: string | null;
  readonly prefix: string;
}

export const NGINX: ProxyDialect = {
  ...{ method: 'x-original-method', target: 'x-original-uri', prefix: '/auth/nginx' },
};
export const TRAEFIK: ProxyDialect = {
  ...{ method: 'x-forwarded-method', target: 'x-forwarded-uri', prefix: '/auth/traefik' },
};
export const ENVOY: ProxyDialect = { method: null, target: null, prefix: '/auth/envoy' };

/** What is asked about. */
export interface ForwardedCall {
  method: string | undefined;
  target: string | undefined;
  authorization: string | undefined;
  apiKey: string | undefined;
  /** A header that must come once came twice: which of them counts, nobody could say. */
  isAmbiguous: boolean;
}

/** Reads the few headers that matter in one pass, with every repetition in sight. */
export function readForwardedCall(
  rawHeaders: readonly string[],
  { method, target, prefix }: ProxyDialect,
  own: { readonly method: string; readonly url: string },
): ForwardedCall {
  const call: ForwardedCall = {
    method: method === null ? own.method : undefined,
    target: target === null ? own.url.slice(prefix.length) : undefined,
    ...{ authorization: undefined, apiKey: undefined, isAmbiguous: false },
  };
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const given = rawHeaders[index]!;
    const { length } = given;
    // Most headers are told apart by their length alone.
    if (length !== 9 && (length < 13 || length > 18)) continue;
    const name = given.toLowerCase();
    const value = rawHeaders[index + 1]!;
    if (name === 'authorization') {
      call.isAmbiguous ||= call.authorization !== undefined;
      call.authorization = value;
    } else if (name === 'x-api-key') {
      call.isAmbiguous ||= call.apiKey !== undefined;
      call.apiKey = value;
    } else if (name === method) {
      call.isAmbiguous ||= call.method !== undefined;
      call.method = value;
    } else if (name === target) {
      call.isAmbiguous ||= call.target !== undefined;
      call.target = value;
    }
  }
  return call;
}
