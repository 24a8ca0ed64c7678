import { writeFileSync } from 'node:fs';
import { missingNginx } from '../gateway/support/nginx.js';
import { findKafka } from '../kafka/kafka-libraries.js';
import { Deployment } from './deployment.js';
import { BOUND_MS, Tour, type TourReport } from './tour.js';

const USAGE = 'npm run walk -- [number of tokens, 1000] [file for the report, walk.csv]';

/** `npm run walk`: the whole deployment on this machine, 1,000 tokens in use, all of them revoked at random. */
async function main([tokens = '1000', file = 'walk.csv']: readonly string[]): Promise<void> {
  const count = Number(tokens);
  if (!Number.isSafeInteger(count) || count < 1) throw new Error(USAGE);
  const { folder, missing } = await findKafka();
  const lacking = missing ?? missingNginx();
  if (lacking !== undefined || folder === undefined) throw new Error(lacking);
  const deployment = await Deployment.start(folder);
  try {
    process.stdout.write(
      `two API nodes on ${deployment.database}; a worker; Kafka; a gateway behind nginx at ` +
        `${deployment.front}\nusing ${count} tokens through nginx, and revoking them at random …\n`,
    );
    const report = await new Tour(deployment).run(count);
    writeFileSync(file, csv(report));
    process.stdout.write(`${summary(report)}\neach token: ${file}\n`);
    if (report.acceptedAfterBound > 0) process.exitCode = 1;
  } finally {
    await deployment.stop();
  }
}

function csv({ stories }: TourReport): string {
  const lines = stories.map(({ tokenId, node, acceptedForMs, refusals }) => {
    return `${tokenId},${node},${acceptedForMs.toFixed(2)},${refusals}`;
  });
  return `token,revoked_on_node,still_accepted_ms,refusals_since\n${lines.join('\n')}\n`;
}

function summary(report: TourReport): string {
  const { stories, calls, acceptedAfterBound, machineMs, shownAsEffective } = report;
  const sorted = stories.map(({ acceptedForMs }) => acceptedForMs).sort((a, b) => a - b);
  const at = (share: number): string => {
    return `${sorted[Math.floor((sorted.length - 1) * share)]!.toFixed(1)} ms`;
  };
  const { effective, of } = shownAsEffective;
  return [
    `${stories.length} tokens revoked during ${calls} calls`,
    `still accepted after the answer: p50 ${at(0.5)}, p99 ${at(0.99)}, longest ${at(1)}`,
    `accepted later than ${BOUND_MS} ms after the answer: ${acceptedAfterBound} calls`,
    `longest that a process took to say that it lives: ${machineMs.toFixed(1)} ms`,
    `shown by the ledger as in effect on the gateway: ${effective} of ${of} asked about`,
  ].join('\n');
}

await main(process.argv.slice(2));
