import type { ForwardedCall } from './forwarded-call.js';

/** What a call presents: a secret, nothing, something that is none, or two at once. */
export type Presented =
  | { readonly outcome: 'secret'; readonly secret: string }
  | { readonly outcome: 'none' }
  | { readonly outcome: 'invalid' }
  | { readonly outcome: 'several' };

const NONE: Presented = { outcome: 'none' };
const INVALID: Presented = { outcome: 'invalid' };
const SEVERAL: Presented = { outcome: 'several' };

const FORM = /^([A-Za-z]+) +([^\s,]+) *$/;
/** Two credentials folded into one header line. */
const FOLDED = /,\s*(?:bearer|basic|token)\s/i;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

/** Takes the secret from the headers, never from the target or a body, which end up in logs. */
export function presentedCredential({
  authorization,
  apiKey,
  isAmbiguous,
}: ForwardedCall): Presented {
  if (isAmbiguous || (authorization !== undefined && apiKey !== undefined)) return SEVERAL;
  if (apiKey !== undefined) return apiKey === '' ? INVALID : { outcome: 'secret', secret: apiKey };
  if (authorization === undefined) return NONE;
  // By far the most common form, read without a pattern.
  if (authorization.startsWith('Bearer ') && !authorization.includes(' ', 7)) {
    const secret = authorization.slice(7);
    return secret === '' ? INVALID : { outcome: 'secret', secret };
  }
  const [, scheme, value] = FORM.exec(authorization) ?? [];
  if (scheme === undefined || value === undefined) {
    return FOLDED.test(authorization) ? SEVERAL : INVALID;
  }
  switch (scheme.toLowerCase()) {
    case 'bearer':
    case 'token':
      return { outcome: 'secret', secret: value };
    case 'basic':
      return basicUser(value);
    default:
      return INVALID;
  }
}

/** Of Basic, the user is the secret. OAuth clients form-encode it (RFC 6749, 2.3.1). */
function basicUser(value: string): Presented {
  if (!BASE64.test(value)) return INVALID;
  const [user = ''] = Buffer.from(value, 'base64').toString('utf8').split(':', 1);
  try {
    const secret = decodeURIComponent(user);
    return secret === '' ? INVALID : { outcome: 'secret', secret };
  } catch {
    return INVALID;
  }
}
