import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { MESSAGE_TYPES } from '@ledger/publishing';
import { createToken, type IssuedToken } from '../../bench/issued-tokens.js';
import { ServiceProcess, temporaryFolder } from '../operations/service-process.js';
import { ADMIN_TOKEN } from '../support/service-process.js';
import { grantedMs } from '../support/granted-time.js';
import { describeWith, findKafka } from './kafka-libraries.js';
import { KafkaServer } from './kafka-server.js';
import { readTopic } from './support/consume.js';
import { eventually, eventuallyHolds } from './support/relay-on-kafka.js';

const libraries = await findKafka();

describeWith(libraries)('a service that sends its messages to Kafka itself', () => {
  const folder = temporaryFolder();
  const prefix = `t${randomUUID().slice(0, 8)}.`;
  let server: KafkaServer;
  let service: ServiceProcess;

  const started = (): Promise<ServiceProcess> =>
    ServiceProcess.started({
      LEDGER_DATA_DIR: join(folder.path, 'data'),
      LEDGER_BOOTSTRAP_TOKEN: ADMIN_TOKEN,
      KAFKA_BROKERS: server.addresses.join(','),
      KAFKA_REPLICATION_FACTOR: '1',
      KAFKA_TOPIC_PREFIX: prefix,
    });

  beforeAll(async () => {
    server = await KafkaServer.start({ libraries: libraries.folder! });
    service = await started();
  });
  afterAll(async () => {
    await service?.stop();
    await server?.stop();
    folder.remove();
  });

  const metric = async (line: string): Promise<number> => {
    const text = await (await fetch(`${service.url}/metrics`)).text();
    return Number(
      text
        .split('\n')
        .find((each) => each.startsWith(`${line} `))
        ?.split(' ')[1],
    );
  };
  const ready = async (): Promise<{ status: number; warned: readonly unknown[] }> => {
    const answer = await fetch(`${service.url}/health/ready`);
    const { warned = [] } = (await answer.json()) as { warned?: { check: string }[] };
    return { status: answer.status, warned: warned.map(({ check }) => check) };
  };
  const create = (): Promise<IssuedToken> =>
    createToken({ url: service.url, admin: ADMIN_TOKEN }, { name: 'job', scopes: ['jobs'] });
  const revoke = async ({ id }: IssuedToken): Promise<void> => {
    const answer = await fetch(`${service.url}/v1/orgs/demo/tokens/${id}/revoke`, {
      method: 'POST',
      headers: { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': 'application/json' },
      body: JSON.stringify({ reason: 'compromised' }),
    });
    expect(answer.status).toBe(200);
  };
  const isActive = (): Promise<void> =>
    eventuallyHolds(async () => {
      expect(await metric('ledger_relay_state{state="active"}')).toBe(1);
      expect(await ready()).toEqual({ status: 200, warned: [] });
    });
  const revokedKeys = async (): Promise<ReadonlySet<string>> => {
    const records = await readTopic(server.client(), prefix, 'token-revoked');
    return new Set(records.map(({ key }) => key));
  };

  it('goes on answering while Kafka is gone, says so, and sends all of it afterwards (K1)', async () => {
    const tokens = [await create(), await create()] as const;
    await revoke(tokens[0]);
    await eventuallyHolds(async () => {
      expect(await metric('ledger_relay_published_total')).toBeGreaterThan(0);
    });
    await isActive();

    await server.broker.kill();
    await revoke(tokens[1]);
    await eventuallyHolds(async () => {
      expect(await metric('ledger_relay_state{state="failing"}')).toBe(1);
      expect(await ready()).toEqual({ status: 200, warned: ['relay-failing'] });
    });
    expect(await metric('ledger_relay_lag')).toBeGreaterThan(0);
    expect(await metric('ledger_relay_failures_total')).toBeGreaterThan(0);

    await server.broker.start();
    // The first one may come again: it was sent, and its checkpoint perhaps not kept.
    await eventuallyHolds(async () => {
      expect(await metric('ledger_relay_published_total')).toBeGreaterThan(1);
      // Two tokens may lie in two partitions, which are read in any order.
      expect(await revokedKeys()).toEqual(new Set(tokens.map(({ id }) => id)));
    });
    await isActive();
    const topics = await Promise.all(
      MESSAGE_TYPES.map((type) => readTopic(server.client(), prefix, type)),
    );
    expect(topics[0]!.length).toBeGreaterThan(1);
    const everything = JSON.stringify(topics, (_, value: unknown) =>
      typeof value === 'bigint' ? String(value) : value,
    );
    for (const { secret } of tokens) expect(everything).not.toContain(secret);
    expect(everything).not.toMatch(/sha512/);
  });

  it('loses no message when it is killed, and sends what is left within the bound (K2)', async () => {
    const tokens = await Promise.all(Array.from({ length: 20 }, create));
    await Promise.all(tokens.map(revoke));
    await service.stop('SIGKILL');
    service = await started();
    const startedAt = grantedMs();
    await eventuallyHolds(async () => {
      expect(await metric('ledger_relay_state{state="active"}')).toBe(1);
      expect(await metric('ledger_relay_lag')).toBe(0);
    });
    // The killed process holds the lease until its session of 6 s has run out.
    expect(grantedMs() - startedAt).toBeLessThan(30_000);
    await eventually(async () => {
      const keys = await revokedKeys();
      return tokens.every(({ id }) => keys.has(id));
    });
  });

  it('ends in order while Kafka is gone', async () => {
    await server.broker.kill();
    expect(await service.stop()).toBe(0);
  });
});
