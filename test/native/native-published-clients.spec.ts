import * as client from 'openid-client';
import { startTestService, type TestService } from '../support/test-service.js';

let service: TestService;
let gateway: { id: string; secret: string };

beforeAll(async () => {
  service = await startTestService();
  gateway = await createToken({ name: 'gateway', scopes: ['ledger:tokens:verify'] });
});
afterAll(() => service.close());

async function createToken(body: object): Promise<{ id: string; secret: string }> {
  const response = await fetch(`${service.url}/v1/orgs/demo/tokens`, {
    method: 'POST',
    headers: { authorization: `Bearer ${service.admin}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const { token, secret } = (await response.json()) as { token: { id: string }; secret: string };
  return { id: token.id, secret };
}

/** The published client, acting by a secret as the user of HTTP Basic. */
function clientOf(secret: string): client.Configuration {
  const configuration = new client.Configuration(
    {
      issuer: service.url,
      introspection_endpoint: `${service.url}/v1/introspect`,
      revocation_endpoint: `${service.url}/v1/revoke`,
    },
    secret,
    undefined,
    client.ClientSecretBasic('unused'),
  );
  // The service under test listens on loopback, where there is nothing to encrypt.
  client.allowInsecureRequests(configuration);
  return configuration;
}

describe('openid-client, unmodified', () => {
  it('introspects a living token, and learns nothing of one that is not', async () => {
    const token = await createToken({ name: 'ci', scopes: ['invoices', 'reports:read'] });
    const asGateway = clientOf(gateway.secret);
    expect(await client.tokenIntrospection(asGateway, token.secret)).toMatchObject({
      active: true,
      scope: 'invoices reports:read',
    });
    expect(await client.tokenIntrospection(asGateway, 'unknown')).toEqual({ active: false });
  });

  it('revokes a token by presenting its secret, after which it is not active', async () => {
    const token = await createToken({ name: 'ci', scopes: [] });
    await client.tokenRevocation(clientOf(token.secret), token.secret);
    expect(await client.tokenIntrospection(clientOf(gateway.secret), token.secret)).toEqual({
      active: false,
    });
  });

  it('is told by status and error when its own credential is not good', async () => {
    const call = client.tokenIntrospection(clientOf('not-a-secret'), gateway.secret);
    await expect(call).rejects.toMatchObject({ status: 401 });
  });
});
