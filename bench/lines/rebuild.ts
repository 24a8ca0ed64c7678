import { historyOf } from '../made-history.js';
import type { Line } from '../line.js';
import { startPeer } from '../peer-process.js';
import { interleave, medianRate, ratios, type Peer } from '../rounds.js';
import { perSecond, printFigure, printRow } from '../table.js';

const ROUNDS = 3;

/** Every read model from the first event on, while the live ones could go on answering. */
export const rebuild: Line = {
  name: 'rebuild',
  async run({ isFull }) {
    const events = isFull ? 1_000_000 : 200_000;
    const tokens = events / 100;
    const history = await historyOf({ tokens, charges: events - tokens });
    const peers = { ledger: replaying(history, 'ledger'), rows: replaying(history, 'rows') };
    const results = await interleave(peers, { rounds: ROUNDS, ms: 0 });
    const rates = [results.ledger, results.rows].map((each) => perSecond(medianRate(each)));
    printRow({
      line: `rebuild of all read models, ${events.toLocaleString('en')} events`,
      baseline: 'row by row, 10,000 events a transaction',
      ratio: ratios(results.ledger, results.rows),
      goal: { atLeast: 1.2 },
      figures: rates.join(' of '),
    });
    printFigure('  its memory', results.ledger.at(-1)!.note ?? '');
  },
};

/** A process of its own for each round, since a ledger is open in one process only. */
function replaying(history: string, by: string): Peer {
  return {
    async round(ms) {
      const peer = await startPeer('read-model-replay', { HISTORY: history, BY: by });
      try {
        return await peer.round(ms);
      } finally {
        await peer.close();
      }
    },
    close: () => Promise.resolve(),
  };
}
