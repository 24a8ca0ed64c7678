import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { createProgram } from '../../../apps/ledger-cli/src/program.js';
import type { Family } from './served-families.js';

export interface LeafCommand {
  /** As it is called: `token create`. */
  readonly path: string;
  readonly help: string;
}

/** Every command that does something, with its help text. */
export function leafCommands(): readonly LeafCommand[] {
  return leavesOf(createProgram(), []);
}

function leavesOf(command: Command, path: readonly string[]): readonly LeafCommand[] {
  if (command.commands.length === 0) {
    let help = '';
    command.configureOutput({ writeOut: (text) => void (help += text) });
    command.outputHelp();
    return [{ path: path.join(' '), help }];
  }
  return command.commands.flatMap((child) => leavesOf(child, [...path, child.name()]));
}

/** The command lines after `Examples:` in a help text. */
export function examplesIn(help: string): readonly string[] {
  return [...help.matchAll(/^ {2}\$ (token-ledger .+)$/gm)].map(([, line]) => line!);
}

export function readDocument(): string {
  return readFileSync(join(process.cwd(), 'docs/cli.md'), 'utf8');
}

/** The command lines in the document's shell blocks. */
export function examplesInDocument(): readonly string[] {
  const blocks = [...readDocument().matchAll(/^```sh\n(.*?)^```$/gms)];
  return blocks.flatMap(([, block]) =>
    block!
      .replaceAll(/\\\n\s*/g, '')
      .split('\n')
      .filter((line) => /(^|\s)token-ledger /.test(line)),
  );
}

const FAMILIES: readonly (readonly [RegExp, Family | 'offline'])[] = [
  [/token-ledger (token verify|quota consume)/, 'hot'],
  [/token-ledger (token|quota) /, 'tokens'],
  [/token-ledger org /, 'orgs'],
  [/token-ledger member /, 'members'],
  [/token-ledger user /, 'users'],
  [/token-ledger personal-token /, 'personal-tokens'],
  [/token-ledger audit /, 'audit'],
  [/token-ledger events /, 'events'],
  [/token-ledger (gateways|retire-gateway|propagation)/, 'gateways'],
  [/token-ledger (bootstrap|replay|verify|info|skip-event)/, 'offline'],
];

/** The part of the service that a command line asks; `offline` for those that ask none. */
export function familyOf(line: string): Family | 'offline' {
  const found = FAMILIES.find(([pattern]) => pattern.test(line));
  if (!found) throw new Error(`which part of the service does this ask? ${line}`);
  return found[1];
}
