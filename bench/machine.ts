import { cpus, totalmem } from 'node:os';
import type { Bench } from './line.js';
import { startPeer } from './peer-process.js';
import { perSecond } from './table.js';

/** Where figures were measured: without it they say nothing. */
export async function describeMachine({ slowFlush }: Bench): Promise<string> {
  const [cpu] = cpus();
  const memory = `${Math.round(totalmem() / 1024 ** 3)} GiB`;
  const flushes = [`${perSecond(await flushRate({}))} as it is`];
  if (slowFlush)
    flushes.push(`${perSecond(await flushRate(slowFlush.environment('slow')))} at +1 ms`);
  const cores = `${cpus().length} cores (${cpu?.model ?? 'unknown'})`;
  return `${cores}, ${memory}, Node.js ${process.version}; flushes: ${flushes.join(', ')}`;
}

async function flushRate(environment: NodeJS.ProcessEnv): Promise<number> {
  const peer = await startPeer('flushes', environment);
  try {
    await peer.round(200);
    return (await peer.round(1_000)).perSecond;
  } finally {
    await peer.close();
  }
}
