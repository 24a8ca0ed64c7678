import 'reflect-metadata';

// A listener keeps this signal from opening the inspector to whoever shares the machine (C10). It comes
// before everything else is loaded, which takes a second.
process.on('SIGUSR1', () => undefined);
// New files are their owner's alone, whatever the shell was set to.
process.umask(0o077);
// A reader of the output who has gone must not take the service along.
process.stdout.on('error', () => undefined);
process.stderr.on('error', () => undefined);

const { serve, startFailure } = await import('./operations/serve.js');
try {
  await serve(process.env);
} catch (error) {
  process.stderr.write(`token-ledger cannot start: ${startFailure(error, process.env)}\n`);
  process.exit(1);
}
