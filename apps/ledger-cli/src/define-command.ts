import { Command } from 'commander';
import { print } from './terminal/output.js';

export interface Definition {
  /** Name and arguments in commander's form: `show <token-id>`. */
  readonly usage: string;
  readonly summary: string;
  /** Command lines that run as they stand; a test runs them. */
  readonly examples: readonly string[];
  /** Further words in the help text, before the examples. */
  readonly notes?: string;
}

/** What a command found: a document for `--json`, and the text that a person reads. */
export interface Result {
  readonly value: unknown;
  readonly text: string;
}

/** Adds a command that every rule of this program holds for: `--json`, and examples in its help. */
export function defineCommand(parent: Command, definition: Definition): Command {
  const { usage, summary, examples, notes } = definition;
  const command = parent.command(usage).description(summary).summary(summary);
  command.option('--json', 'print JSON on stdout instead of text');
  if (notes) command.addHelpText('after', `\n${notes}`);
  command.addHelpText('after', `\n${examplesText(examples)}`);
  return command;
}

/** A command that only holds others. Called alone, it shows its help and is a usage error. */
export function defineGroup(parent: Command, name: string, summary: string): Command {
  const group = parent.command(name).description(summary);
  group.addHelpText(
    'after',
    `\nEach command has help of its own: ${pathOf(group)} <command> --help`,
  );
  return group;
}

/** Runs `work` for a parsed command and prints what it found. */
export function runs<Options extends { readonly json?: boolean }>(
  command: Command,
  work: (options: Options, args: readonly string[]) => Promise<Result | undefined>,
): void {
  command.action(async () => {
    const options = command.opts<Options>();
    const result = await work(options, command.processedArgs as string[]);
    if (result) print(options, result.value, result.text);
  });
}

function examplesText(examples: readonly string[]): string {
  return ['Examples:', ...examples.map((example) => `  $ ${example}`)].join('\n');
}

function pathOf(command: Command): string {
  return command.parent ? `${pathOf(command.parent)} ${command.name()}` : command.name();
}
