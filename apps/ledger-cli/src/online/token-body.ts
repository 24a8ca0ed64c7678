import { type Command, Option } from 'commander';
import {
  instantOrNone,
  list,
  orNull,
  pair,
  quotaOrNone,
  resources,
  type ResourceText,
} from './option-values.js';

/** What a token is made with and changed to, as the command line gives it. */
export interface AttributeOptions {
  readonly name?: string;
  readonly description?: string;
  readonly scope?: readonly string[];
  readonly resource?: readonly ResourceText[];
  readonly maxQuota?: number | 'none';
  readonly visibility?: string;
  readonly expiresAt?: string;
  readonly owner?: string;
  readonly metadata?: Readonly<Record<string, string>>;
}

/** Adds the options of everything that a caller may choose about a token, save its name. */
export function attributeOptions(command: Command): Command {
  return command
    .option('--description <text>', 'what it is for')
    .option('--scope <scope>', 'a scope; repeat it, or separate with commas', list)
    .option(
      '--resource <resource>',
      'organization=<slug>[,repository=…][,workspace=…]; repeat',
      resources,
    )
    .option('--max-quota <units>', 'units a window, or `none`', quotaOrNone)
    .addOption(new Option('--visibility <who>', 'who sees it').choices(['admin', 'organization']))
    .option('--expires-at <instant>', 'when it ends, or `none`', instantOrNone)
    .option('--owner <id>', 'whose it is, or `none`')
    .option('--metadata <name=value>', 'a pair of your own; repeat', pair);
}

/** The members of a create or a merge patch. What was not given is absent, not null. */
export function attributeBody(options: AttributeOptions): Record<string, unknown> {
  const { name, description, scope, resource, maxQuota, visibility } = options;
  return {
    name,
    description,
    scopes: scope,
    resources: resource,
    maxQuota: orNull(maxQuota),
    visibility,
    expiresAt: orNull(options.expiresAt),
    ownerId: orNull(options.owner),
    metadata: options.metadata,
  };
}
