import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KafkaFeed } from '@ledger/gateway-cache';
import { HearingListener, revoked } from '@ledger/gateway-cache/testing';
import {
  KafkaPublisher,
  KafkaRelayLease,
  LeaseUnavailable,
  type KafkaSettings,
  type RelayTerm,
} from '@ledger/publishing';
import { sampleRecords } from '@ledger/publishing/testing';
import { Certificates } from '../eventstoredb/support/certificates.js';
import { freePorts } from '../support/free-ports.js';
import { describeWith, findKafka } from './kafka-libraries.js';
import { KafkaServer } from './kafka-server.js';
import { ScriptedRelay } from './support/scripted-relay.js';

const PASSWORD = 'pass-word-that-nobody-may-see';

const libraries = await findKafka();
const run = Certificates.areAvailable()
  ? describeWith(libraries)
  : describeWith({ missing: 'openssl is not installed, so there are no certificates' });

/** A broker that has just started may still load its coordinator; the relay asks again, too. */
async function acquired(lease: KafkaRelayLease): Promise<RelayTerm> {
  for (;;) {
    try {
      return await lease.acquire(new AbortController().signal);
    } catch (error) {
      if (!(error instanceof LeaseUnavailable) || !/coordinator/.test(error.message)) throw error;
    }
  }
}

run('a Kafka with TLS and users', () => {
  const folder = mkdtempSync(join(tmpdir(), 'ledger-kafka-tls-'));
  let certificates: Certificates;
  let server: KafkaServer;
  let port: number;
  let ca: string;
  let otherCa: string;

  beforeAll(async () => {
    certificates = new Certificates();
    ca = readFileSync(certificates.authority('ours'), 'utf8');
    otherCa = readFileSync(certificates.authority('theirs'), 'utf8');
    const { key, cert } = certificates.signed('ours', 'localhost');
    const keyStore = join(folder, 'broker.pem');
    writeFileSync(keyStore, Buffer.concat([key, cert]));
    // The broker takes the second one for its controller.
    const [plainPort, , securePort] = await freePorts(3);
    port = securePort!;
    const plain = `PLAINTEXT://127.0.0.1:${plainPort}`;
    const secure = `SASL_SSL://localhost:${port}`;
    const login = 'org.apache.kafka.common.security.plain.PlainLoginModule';
    server = await KafkaServer.start({
      libraries: libraries.folder!,
      port: plainPort!,
      properties: {
        listeners: `${plain},${secure},CONTROLLER://127.0.0.1:${plainPort! + 1}`,
        'advertised.listeners': `${plain},${secure}`,
        'ssl.keystore.type': 'PEM',
        'ssl.keystore.location': keyStore,
        'sasl.enabled.mechanisms': 'PLAIN',
        'listener.name.sasl_ssl.plain.sasl.jaas.config': `${login} required user_ledger="${PASSWORD}";`,
      },
    });
  });
  afterAll(async () => {
    await server?.stop();
    certificates?.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  const settings = (changed: Partial<KafkaSettings> = {}): KafkaSettings => ({
    brokers: [`localhost:${port}`],
    tls: { ca },
    sasl: { mechanism: 'plain', username: 'ledger', password: PASSWORD },
    topicPrefix: 'secure.',
    replicationFactor: 1,
    partitions: 3,
    ...changed,
  });

  it('is used with its authority and its user', async () => {
    const publisher = new KafkaPublisher(settings());
    await publisher.ensureChannels();
    const sent = await publisher.publish(sampleRecords(5));
    expect(Object.keys(sent)).toEqual(['token-revoked']);
    await publisher.close();
    const lease = new KafkaRelayLease({ ...settings(), ledgerId: 'ledger-1' });
    await (await acquired(lease)).save(5n);
    await lease.close();
  });

  it('is heard by a gateway with the same settings', async () => {
    const relay = await new ScriptedRelay(server).start();
    const { replicationFactor: _, partitions: __, ...access } = settings();
    const feed = new KafkaFeed({
      access: { ...access, topicPrefix: relay.prefix },
      gatewayId: 'secure',
    });
    const listener = new HearingListener();
    feed.open(listener);
    await listener.until(({ kind }) => kind === 'began');
    await relay.publish(revoked('00000000-0000-4000-8000-000000000001', 1_001n));
    await listener.untilPosition(1_001n);
    await feed.close();
    await relay.close();
  });

  it.each([
    ['another authority', () => settings({ tls: { ca: otherCa } }), /certificate/],
    ['no authority of its own', () => settings({ tls: {} }), /certificate/],
    ['another host', () => settings({ brokers: [`127.0.0.1:${port}`] }), /altnames/],
    [
      'a wrong password',
      () => settings({ sasl: { mechanism: 'plain', username: 'ledger', password: 'wrong' } }),
      /SASL|[Aa]uthentication/,
    ],
  ])('is refused with %s, and says why without the password (C1)', async (_, wrong, why) => {
    const refused = async (): Promise<unknown> => {
      const publisher = new KafkaPublisher(wrong());
      const refusal = await publisher.ensureChannels().catch((error: unknown) => error);
      await publisher.close();
      return refusal;
    };
    let refusal = await refused();
    // A machine that stood still says nothing of what is wrong here.
    for (let tried = 0; tried < 5 && /timeout/i.test(String(refusal)); tried += 1) {
      refusal = await refused();
    }
    expect(refusal).toBeInstanceOf(Error);
    expect((refusal as Error).message).toMatch(why);
    expect((refusal as Error).message).not.toContain(PASSWORD);
  });

  it('is not spoken to in plain text', async () => {
    const { tls: _, ...plain } = settings();
    const publisher = new KafkaPublisher(plain);
    await expect(publisher.ensureChannels()).rejects.toThrow(/^Kafka: /);
    await publisher.close();
  });
});
