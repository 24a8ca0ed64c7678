import 'reflect-metadata';

// A listener keeps this signal from opening the inspector to whoever shares the machine (C10).
process.on('SIGUSR1', () => undefined);
// New files are their owner's alone, whatever the shell was set to.
process.umask(0o077);
// A reader of the output who has gone must not take the process along.
process.stdout.on('error', () => undefined);
process.stderr.on('error', () => undefined);

const { work } = await import('./worker.js');
try {
  await work(process.env);
} catch (error) {
  const reason = error instanceof Error ? error.message : String(error);
  process.stderr.write(`ledger-worker cannot start: ${reason}\n`);
  process.exit(1);
}
