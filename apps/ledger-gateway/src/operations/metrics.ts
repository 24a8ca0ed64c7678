import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client';
import type { FeedState, Gateway } from '@ledger/gateway-cache';
import { OUTCOMES, type Outcome } from '../http/answers.js';

const FEED_STATES: readonly FeedState[] = ['starting', 'live', 'lost', 'lagging'];

/** Decisions by outcome: the only thing that is counted on the hot path. */
export class DecisionCounts {
  readonly #counts = new Map<Outcome, number>(OUTCOMES.map((outcome) => [outcome, 0]));

  readonly count = (outcome: Outcome): void => {
    this.#counts.set(outcome, this.#counts.get(outcome)! + 1);
  };

  entries(): readonly (readonly [Outcome, number])[] {
    return [...this.#counts];
  }
}

/** All metrics of one gateway. Each scrape reads the counts of the parts; no label names a token or a path. */
export function createGatewayMetrics(
  gateway: Gateway,
  decisions: DecisionCounts,
  withProcess: boolean,
): Registry {
  const registry = new Registry();
  const registers = [registry];
  const sum = (name: string, help: string, read: () => number): void => {
    const collect = function (this: Counter): void {
      this.reset();
      this.inc(read());
    };
    new Counter({ name: `ledger_gateway_${name}_total`, help, registers, collect });
  };
  const level = (name: string, help: string, read: () => number): void => {
    const collect = function (this: Gauge): void {
      this.set(read());
    };
    new Gauge({ name: `ledger_gateway_${name}`, help, registers, collect });
  };
  const { verifier, follower, cache, leases, acknowledgements } = gateway;

  new Counter({
    ...{ name: 'ledger_gateway_decisions_total', help: 'Calls judged, by outcome.' },
    ...{ labelNames: ['outcome'] as const, registers },
    collect() {
      this.reset();
      for (const [outcome, value] of decisions.entries()) this.inc({ outcome }, value);
    },
  });
  sum('cache_hits', 'Answers from memory.', () => verifier.counts.hits);
  sum('cache_misses', 'Answers that were not in memory.', () => verifier.counts.misses);
  sum('ledger_questions', 'Questions to the ledger.', () => verifier.counts.asked);
  sum(
    'ledger_unavailable',
    'Questions without a usable answer.',
    () => verifier.counts.unavailable,
  );
  sum('answers_overtaken', 'Answers that a message had put out of date.', () => {
    return verifier.counts.overtaken;
  });
  level('cache_entries', 'Answers in memory that say a token is good.', () => cache.size.positive);
  level('cache_negative_entries', 'Answers in memory that say no.', () => cache.size.negative);
  sum('messages', 'Messages applied.', () => follower.counts.messages);
  sum('cache_flushes', 'Times that everything was forgotten.', () => follower.counts.flushes);
  sum('feed_losses', 'Times that messages stopped to come.', () => follower.counts.losses);
  level('feed_lag_seconds', 'How long the feed has lacked what an answer showed.', () => {
    return follower.lagMs / 1000;
  });
  level('applied_position', 'Position of the log that is in force here.', () => {
    return Number(follower.applied);
  });
  new Gauge({
    ...{ name: 'ledger_gateway_feed_state', help: '1 for the state that the feed is in.' },
    ...{ labelNames: ['state'] as const, registers },
    collect() {
      for (const state of FEED_STATES) this.set({ state }, state === follower.state ? 1 : 0);
    },
  });
  sum(
    'acknowledgements',
    'Positions that the ledger was told.',
    () => acknowledgements.counts.sent,
  );
  sum('acknowledgement_failures', 'Positions that it could not be told.', () => {
    return acknowledgements.counts.failed;
  });
  sum('leased_units', 'Quota units taken in advance.', () => leases.counts.leased);
  sum('returned_units', 'Quota units given back.', () => leases.counts.returned);
  sum('lost_units', 'Quota units that could not be given back.', () => leases.counts.lost);
  level('held_units', 'Quota units held, to be spent or given back.', () => leases.held);
  if (withProcess) collectDefaultMetrics({ register: registry });
  return registry;
}
