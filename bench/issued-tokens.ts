import type { HttpCall } from './load.js';
import type { Service } from './service.js';

export interface IssuedToken {
  readonly id: string;
  readonly secret: string;
}

export interface IssuedTokens {
  /** Secret of a token that may verify and charge the others. */
  readonly gateway: string;
  readonly tokens: readonly IssuedToken[];
}

/** Issues one token of the demo organization. */
export async function createToken(
  { url, admin }: Pick<Service, 'url' | 'admin'>,
  body: object,
): Promise<IssuedToken> {
  const response = await fetch(`${url}/v1/orgs/demo/tokens`, {
    method: 'POST',
    headers: { authorization: `Bearer ${admin}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (response.status !== 201) {
    throw new Error(`create: ${response.status} ${await response.text()}`);
  }
  const { token, secret } = (await response.json()) as { token: { id: string }; secret: string };
  return { id: token.id, secret };
}

/** Issues tokens over HTTP, and a gateway's token that may verify them. */
export async function issueTokens({ url, admin }: Service, count: number): Promise<IssuedTokens> {
  const create = (body: object): Promise<IssuedToken> => createToken({ url, admin }, body);
  const gateway = await create({ name: 'gateway', scopes: ['ledger:tokens:verify'] });
  const tokens: IssuedToken[] = [];
  while (tokens.length < count) {
    const batch = Array.from({ length: 50 }, () => create({ name: 'bench', scopes: ['invoices'] }));
    tokens.push(...(await Promise.all(batch)));
  }
  return { gateway: gateway.secret, tokens };
}

/** Each token asked about in turn. */
export function verifyCalls({ gateway, tokens }: IssuedTokens): readonly HttpCall[] {
  const headers = { authorization: `Bearer ${gateway}` };
  return tokens.map(({ secret }) => {
    return { path: '/v1/verify', headers, body: { token: secret, scopes: ['invoices:read'] } };
  });
}

/** Each token charged in turn, one unit. */
export function consumeCalls({ gateway, tokens }: IssuedTokens): readonly HttpCall[] {
  const headers = { authorization: `Bearer ${gateway}` };
  return tokens.map(({ id }) => {
    const body = { tokenId: id, units: 1, operation: 'GET /invoices' };
    return { path: '/v1/quota/consume', headers, body };
  });
}
