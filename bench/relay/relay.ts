import { setTimeout as sleep } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { timestamp, type TokenId } from '@ledger/domain';
import { KafkaPublisher, KafkaRelayLease, Relay } from '@ledger/publishing';
import {
  openTemporaryLedger,
  sampleEvent,
  samplePayloads,
  type TemporaryLedger,
} from '@ledger/event-store/testing';
import { findKafka } from '../../test/kafka/kafka-libraries.js';
import { KafkaServer } from '../../test/kafka/kafka-server.js';
import { quartiles } from '../rounds.js';
import { perSecond, printFigure } from '../table.js';

const ROUNDS = Number(process.env['BENCH_ROUNDS'] ?? 5);
const MESSAGES = Number(process.env['BENCH_MESSAGES'] ?? 100_000);
const EVENTS_PER_TOKEN = 100;
const GOAL = 10_000;

/** A log of which every event has a message. */
async function pendingMessages(): Promise<TemporaryLedger> {
  const ledger = await openTemporaryLedger();
  for (let token = 0; token < MESSAGES / EVENTS_PER_TOKEN; token += 1) {
    const tokenId = `00000000-0000-4000-8000-${String(token).padStart(12, '0')}` as TokenId;
    const events = Array.from({ length: EVENTS_PER_TOKEN }, () =>
      sampleEvent({ ...samplePayloads.TokenRevoked, tokenId }),
    );
    await ledger.store.append(`token-${tokenId}`, 0, events);
  }
  return ledger;
}

/** Sends all of it to topics of its own. @returns Seconds it took, from the first event read. */
async function drain({ store }: TemporaryLedger, server: KafkaServer, round: number) {
  const settings = {
    brokers: server.addresses,
    topicPrefix: `round-${round}.`,
    replicationFactor: 1,
    partitions: 3,
    ledgerId: 'bench',
  };
  const head = await store.head();
  const relay = new Relay({
    store,
    publisher: new KafkaPublisher(settings),
    lease: new KafkaRelayLease(settings),
    ledgerId: 'bench',
    now: () => timestamp(Date.now()),
  });
  relay.start();
  while ((await relay.status()).state !== 'active') await sleep(1);
  const startedAt = performance.now();
  for (;;) {
    const { position, problem } = await relay.status();
    if (problem !== undefined) throw new Error(problem);
    if (position === head) break;
    await sleep(20);
  }
  const seconds = (performance.now() - startedAt) / 1000;
  await relay.close();
  return seconds;
}

/** `npm run bench:relay`: how fast messages that waited reach a real Kafka, acknowledged by acks=all. */
async function main(): Promise<void> {
  const { folder, missing } = await findKafka();
  if (missing !== undefined) {
    process.stdout.write(`skipped: ${missing}\n`);
    return;
  }
  Logger.overrideLogger(['warn', 'error']);
  const server = await KafkaServer.start({ libraries: folder });
  const ledger = await pendingMessages();
  try {
    const rates: number[] = [];
    for (let round = 0; round <= ROUNDS; round += 1) {
      const seconds = await drain(ledger, server, round);
      // The first round only warms up.
      if (round > 0) rates.push(MESSAGES / seconds);
    }
    const { q1, median, q3 } = quartiles(rates);
    const verdict = `${median >= GOAL ? 'ok' : 'SHORT'} (>= ${perSecond(GOAL)})`;
    const name = `${MESSAGES.toLocaleString('en')} waiting messages sent`;
    printFigure(name, `${perSecond(median)} (${perSecond(q1)}..${perSecond(q3)})`, verdict);
  } finally {
    await ledger.close();
    await server.stop();
  }
}

await main();
