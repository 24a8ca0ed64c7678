import { EventCodec } from '../../codec/event-codec.js';
import type { PersonalDataCipher } from '../../codec/personal-data.js';
import type { Position } from '../../event-store.js';
import { Appender } from './appender.js';
import { connectionSettings, type ConnectionTarget } from './connection-settings.js';
import { LogReader } from './log-reader.js';
import { LogSubscription } from './log-subscription.js';
import { Reader } from './reading.js';
import { EventMapping } from './recorded-events.js';
import { ServerConnection } from './server-connection.js';

/** All that knows the database's protocol. */
export interface DatabaseParts {
  readonly connection: ServerConnection;
  readonly appender: Appender;
  readonly reader: Reader;
  readonly mapping: EventMapping;
  /** Begins the names of the ledger's streams. */
  readonly prefix: string;
  readonly log: LogReader;
  readonly subscription: LogSubscription;
}

export interface WiringOptions extends ConnectionTarget {
  readonly cipher: PersonalDataCipher;
  readonly prefix: string;
  readonly deadlineMs: number;
  /** Called soon after the log has grown. */
  readonly onGrown: () => void;
}

/**
 * Begins to connect. Loaded by whoever opens such a store and by nobody else: the client library takes longer to
 * load than all the rest of the ledger.
 *
 * @throws Error For a connection string that cannot be read, or a certificate file that is not there.
 */
export function wire(options: WiringOptions): DatabaseParts {
  const { cipher, prefix, deadlineMs, onGrown } = options;
  const connection = new ServerConnection(connectionSettings(options), deadlineMs);
  const reader = new Reader(connection);
  const mapping = new EventMapping(new EventCodec(cipher), prefix);
  const log = new LogReader(reader, mapping, { prefix, deadlineMs });
  const onEvent = (position?: Position): void => {
    if (position !== undefined) log.noticed(position);
    onGrown();
  };
  const subscription = new LogSubscription(connection, prefix, onEvent);
  const appender = new Appender(connection);
  return { connection, reader, mapping, prefix, log, subscription, appender };
}
