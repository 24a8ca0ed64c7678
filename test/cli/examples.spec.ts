import { spawn } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { ExitCode } from '../../apps/ledger-cli/src/exit-code.js';
import { withWorld, type CliWorld } from './support/cli-world.js';
import {
  examplesIn,
  examplesInDocument,
  familyOf,
  leafCommands,
  readDocument,
} from './support/examples.js';
import { CLI, cleanEnvironment, documentOf, outcomeOf, runCli } from './support/run-cli.js';
import { servedFamilies } from './support/served-families.js';
import { inTemporaryDirectory } from './support/temporary-directory.js';

const served = await servedFamilies();
const leaves = leafCommands();
const examples = new Set([
  ...leaves.flatMap(({ help }) => examplesIn(help)),
  ...examplesInDocument(),
]);

/** Runs a command line as a person would, in a shell that finds the program by its name. */
async function runLine(line: string, env: NodeJS.ProcessEnv, cwd: string) {
  const program = join(cwd, 'token-ledger');
  writeFileSync(program, `#!/bin/sh\nexec "${process.execPath}" "${CLI}" "$@"\n`);
  chmodSync(program, 0o755);
  const path = `${cwd}${delimiter}${process.env['PATH']}`;
  const child = spawn('sh', ['-euc', line], { env: { ...cleanEnvironment(env), PATH: path }, cwd });
  child.stdin.end();
  return outcomeOf(child);
}

/** What the examples speak of: a token, its secret in a file, people, a gateway, and a place in the log. */
async function variables(world: CliWorld, cwd: string): Promise<NodeJS.ProcessEnv> {
  const { service, env, userId, memberId, personalTokenId: PERSONAL_TOKEN_ID, run } = world;
  const named = { USER_ID: userId, MEMBER_ID: memberId, PERSONAL_TOKEN_ID };
  if (!served.has('tokens')) return { ...env, ...named };
  const create = ['token', 'create', '--org', 'demo', '--name', 'ci', '--scope', 'invoices'];
  const created = documentOf(await run([...create, '--max-quota', '1000', '--json']));
  writeFileSync(join(cwd, 'secret.txt'), String(created['secret']));
  const POSITION = String(await service.ledger.store.head());
  const TOKEN_ID = (created['token'] as { id: string }).id;
  return { ...env, ...named, ...(await gatewayVariables(world)), TOKEN_ID, POSITION };
}

/** A gateway that has reported, and a revocation after that. */
async function gatewayVariables({ service, run }: CliWorld): Promise<NodeJS.ProcessEnv> {
  if (!served.has('gateways')) return {};
  const GATEWAY_ID = 'edge-1';
  await fetch(`${service.url}/v1/gateways/${GATEWAY_ID}`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${service.admin}`, 'content-type': 'application/json' },
    body: '{"position":"1"}',
  });
  const made = documentOf(
    await run(['token', 'create', '--org', 'demo', '--name', 'old', '--scope', 'a', '--json']),
  );
  const { id } = made['token'] as { id: string };
  const revoked = documentOf(await run(['token', 'revoke', id, '--org', 'demo', '--json']));
  return { GATEWAY_ID, REVOCATION_ID: String(revoked['revocationId']) };
}

describe('Every example in the help and in docs/cli.md runs as it stands', () => {
  for (const line of examples) {
    const family = familyOf(line);
    if (family === 'offline') {
      it(line, () =>
        inTemporaryDirectory(async (cwd) => {
          const args = 'bootstrap --org demo --name Kim --email k@x.invalid --data-dir data';
          await runCli(args.split(' '), { cwd });
          const { code, stderr } = await runLine(line, {}, cwd);
          expect({ code, stderr }).toMatchObject({ code: 0 });
        }),
      );
      continue;
    }
    // A part that this build does not serve yet is skipped, and is in the report as such.
    const itServed = served.has(family) ? it : it.skip;
    itServed(line, () =>
      withWorld((world) =>
        inTemporaryDirectory(async (cwd) => {
          const { code, stderr, stdout } = await runLine(line, await variables(world, cwd), cwd);
          expect({ code, stderr }).toMatchObject({ code: 0 });
          const isOneDocument = / --json(?= |$)/.test(line) && !/[|>]/.test(line);
          if (isOneDocument) expect(() => JSON.parse(stdout) as unknown).not.toThrow();
        }),
      ),
    );
  }
});

describe('The help', () => {
  it.each(leaves)('of $path has an example that calls it, and knows --json', ({ path, help }) => {
    const lines = examplesIn(help);
    expect(lines.length).toBeGreaterThan(0);
    for (const line of lines) expect(line.startsWith(`token-ledger ${path}`)).toBe(true);
    expect(help).toContain('--json');
  });

  it.each(leaves)('of $path offers no way to put a secret into the arguments', ({ help }) => {
    const options = [...help.matchAll(/^ {2}(--[a-z-]+) <([^>]+)>/gm)];
    for (const [, option, value] of options) {
      if (/secret|credential|password/.test(option!)) expect(value).toBe('file');
      if (option === '--token') expect(value).toBe('token-id');
    }
  });
});

describe('docs/cli.md', () => {
  it.each(leaves)('shows $path', ({ path }) => {
    const call = new RegExp(`(^|\\s)token-ledger ${path}(\\s|$)`);
    expect(examplesInDocument().filter((line) => call.test(line))).not.toEqual([]);
  });

  it('lists every exit code', () => {
    const listed = [...readDocument().matchAll(/^\| (\d) +\|/gm)].map(([, code]) => Number(code));
    expect(listed).toEqual(Object.values(ExitCode));
  });
});
