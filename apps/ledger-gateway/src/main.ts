import 'reflect-metadata';

// A listener keeps this signal from opening the inspector to whoever shares the machine.
process.on('SIGUSR1', () => undefined);
// A reader of the output who has gone must not take the gateway along.
process.stdout.on('error', () => undefined);
process.stderr.on('error', () => undefined);

const { serveUntilSignal } = await import('./serve.js');
try {
  await serveUntilSignal(process.env);
} catch (error) {
  const reason = error instanceof Error ? error.message : String(error);
  process.stderr.write(`ledger-gateway cannot start: ${reason}\n`);
  process.exit(1);
}
