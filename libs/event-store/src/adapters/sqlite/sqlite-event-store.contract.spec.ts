import { describeEventStore } from '../../testing/describe-event-store.js';
import { sampleCipher } from '../../testing/sample-events.js';
import { openTemporaryLedger } from '../../testing/temporary-ledger.js';

describeEventStore('SqliteEventStore', () => openTemporaryLedger(sampleCipher()));
