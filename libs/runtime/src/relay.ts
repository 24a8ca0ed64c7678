import { Gauge, Counter, type Registry } from 'prom-client';
import {
  KafkaPublisher,
  KafkaRelayLease,
  Relay,
  type KafkaSettings,
  type RelayStatus,
} from '@ledger/publishing';
import type { Ledger } from './ledger.js';

/** A relay from the log of an opened ledger to Kafka. It is its caller's to start, and to close before the ledger. */
export function relayToKafka(ledger: Ledger, settings: KafkaSettings): Relay {
  const { store, ledgerId, clock } = ledger;
  return new Relay({
    ...{ store, ledgerId },
    now: () => clock.now(),
    publisher: new KafkaPublisher(settings),
    lease: new KafkaRelayLease({ ...settings, ledgerId }),
  });
}

const STATES: readonly RelayStatus['state'][] = ['standby', 'active', 'failing', 'stopped'];

/** Adds what is told of the relay of this process; zeros where it runs none. */
export function addRelayMetrics(registry: Registry, relay: () => Relay | undefined): void {
  const registers = [registry];
  const level = (
    name: string,
    help: string,
    read: (status: RelayStatus) => number,
    none = 0,
  ): void => {
    const collect = async function (this: Gauge): Promise<void> {
      const status = await relay()?.status();
      this.set(status ? read(status) : none);
    };
    new Gauge({ name, help, registers, collect });
  };
  const count = (name: string, help: string, read: (status: RelayStatus) => number): void => {
    const collect = async function (this: Counter): Promise<void> {
      const status = await relay()?.status();
      this.reset();
      this.inc(status ? read(status) : 0);
    };
    new Counter({ name, help, registers, collect });
  };
  new Gauge({
    name: 'ledger_relay_state',
    help: '1 for the state that the relay of this process is in.',
    labelNames: ['state'],
    registers,
    async collect() {
      const status = await relay()?.status();
      for (const state of STATES) this.set({ state }, status?.state === state ? 1 : 0);
    },
  });
  level('ledger_relay_position', 'Position up to which all is sent.', ({ position }) => {
    return Number(position);
  });
  level('ledger_relay_lag', 'Positions of the log that are not sent yet.', ({ lag }) => lag);
  level(
    'ledger_relay_oldest_seconds',
    'How old the oldest event is that was not looked at yet.',
    ({ oldestMs }) => oldestMs / 1000,
  );
  level('ledger_relay_epoch', 'Term in which the relay of this process was active last.', (s) => {
    return s.epoch;
  });
  count('ledger_relay_published_total', 'Messages acknowledged.', ({ published }) => published);
  count('ledger_relay_failures_total', 'Tries to send in vain.', ({ failures }) => failures);
}
