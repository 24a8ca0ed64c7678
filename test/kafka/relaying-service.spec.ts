import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { MESSAGE_TYPES } from '@ledger/publishing';
import { createToken, type IssuedToken } from '../../bench/issued-tokens.js';
import { ServiceProcess, temporaryFolder } from '../operations/service-process.js';
import { ADMIN_TOKEN } from '../support/service-process.js';
import { describeWith, findKafka } from './kafka-libraries.js';
import { KafkaServer } from './kafka-server.js';
import { readTopic } from './support/consume.js';
import { eventually } from './support/relay-on-kafka.js';

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
  const sent = (count: number): Promise<void> =>
    eventually(async () => (await metric('ledger_relay_published_total')) === count);

  it('goes on answering while Kafka is gone, says so, and sends all of it afterwards (K1)', async () => {
    const tokens = [await create(), await create()] as const;
    await revoke(tokens[0]);
    await sent(1);
    expect(await metric('ledger_relay_state{state="active"}')).toBe(1);
    expect(await ready()).toEqual({ status: 200, warned: [] });

    await server.broker.kill();
    await revoke(tokens[1]);
    await eventually(async () => (await metric('ledger_relay_state{state="failing"}')) === 1);
    expect(await ready()).toEqual({ status: 200, warned: ['relay-failing'] });
    expect(await metric('ledger_relay_lag')).toBeGreaterThan(0);
    expect(await metric('ledger_relay_failures_total')).toBeGreaterThan(0);

    await server.broker.start();
    await sent(2);
    expect(await ready()).toEqual({ status: 200, warned: [] });
    const topics = await Promise.all(
      MESSAGE_TYPES.map((type) => readTopic(server.client(), prefix, type)),
    );
    // Two tokens may lie in two partitions, which are read in any order.
    expect(new Set(topics[0]!.map(({ key }) => key))).toEqual(new Set(tokens.map(({ id }) => id)));
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
    const killedAt = performance.now();
    service = await started();
    const sentKeys = async (): Promise<ReadonlySet<string>> => {
      const records = await readTopic(server.client(), prefix, 'token-revoked');
      return new Set(records.map(({ key }) => key));
    };
    await eventually(async () => {
      const keys = await sentKeys();
      return tokens.every(({ id }) => keys.has(id));
    });
    await eventually(async () => (await metric('ledger_relay_state{state="active"}')) === 1);
    // The killed process holds the lease until its session of 6 s has run out.
    expect(performance.now() - killedAt).toBeLessThan(30_000);
  });

  it('ends in order while Kafka is gone', async () => {
    await server.broker.kill();
    expect(await service.stop()).toBe(0);
  });
});
