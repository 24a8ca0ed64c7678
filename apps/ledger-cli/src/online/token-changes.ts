import { type Command, Option } from 'commander';
import { defineCommand, runs } from '../define-command.js';
import { usageFault } from '../exit-code.js';
import { fields, members } from '../terminal/table.js';
import { path } from './api-client.js';
import { connect, writes, type WriteOptions } from './connection.js';
import { instantOrNone, list, orNull, wholeNumber } from './option-values.js';
import { withSecret } from './secret-text.js';
import { attributeBody, attributeOptions, type AttributeOptions } from './token-body.js';
import type { TokenView } from './tokens.js';

const GRACE_SECONDS_MAX = 2_592_000;
const REASONS = ['requested', 'compromised', 'superseded', 'unused', 'other'];

interface TargetOptions extends WriteOptions {
  readonly org: string;
  readonly ifRevision?: number;
}

interface RotateOptions extends TargetOptions {
  readonly graceSeconds?: number;
  readonly expiresAt?: string;
  readonly closePrevious?: boolean;
}

export function addTokenChangeCommands(token: Command): void {
  addUpdate(token);
  addRotate(token);
  addRevoke(token);
}

function addUpdate(token: Command): void {
  const update = target(
    attributeOptions(
      defineCommand(token, {
        usage: 'update <token-id>',
        summary: 'change what a token is or may do; what is not named stays',
        examples: [
          'token-ledger token update "$TOKEN_ID" --org demo --scope invoices --max-quota none',
          'token-ledger token update "$TOKEN_ID" --org demo --metadata team=ops --remove-metadata env',
        ],
      }).option('--name <name>', 'what it is called'),
    ).option('--remove-metadata <name>', 'takes a pair away; repeat', list),
  );
  type UpdateOptions = TargetOptions & AttributeOptions & { removeMetadata?: readonly string[] };
  runs<UpdateOptions>(update, async (options, [id = '']) => {
    const { org, metadata, removeMetadata = [], idempotencyKey } = options;
    const removed = Object.fromEntries(removeMetadata.map((name) => [name, null]));
    const hasMetadata = metadata !== undefined || removeMetadata.length > 0;
    const body = {
      ...attributeBody(options),
      ...(hasMetadata ? { metadata: { ...removed, ...metadata } } : {}),
    };
    if (Object.values(body).every((value) => value === undefined)) {
      throw usageFault('there is nothing to change: name at least one attribute');
    }
    const answer = await connect(options).send<TokenView>({
      method: 'PATCH',
      path: path`/v1/orgs/${org}/tokens/${id}`,
      headers: ifMatch(options),
      body,
      idempotencyKey,
    });
    return { value: answer, text: members(answer) };
  });
}

function addRotate(token: Command): void {
  const rotate = target(
    defineCommand(token, {
      usage: 'rotate <token-id>',
      summary: 'give a token a new secret, printed this once',
      examples: [
        'token-ledger token rotate "$TOKEN_ID" --org demo --grace-seconds 3600',
        'token-ledger token rotate "$TOKEN_ID" --org demo --json',
      ],
    }),
  );
  rotate
    .option(
      '--grace-seconds <seconds>',
      'how long the old secret stays valid (0)',
      wholeNumber(0, GRACE_SECONDS_MAX),
    )
    .option('--expires-at <instant>', 'when the token ends, or `none`', instantOrNone)
    .option('--close-previous', 'end an older grace that is still open');
  runs<RotateOptions>(rotate, async (options, [id = '']) => {
    const { org, graceSeconds, expiresAt, closePrevious, idempotencyKey } = options;
    const answer = await connect(options).send<{ token: TokenView; secret: string }>({
      method: 'POST',
      path: path`/v1/orgs/${org}/tokens/${id}/rotate`,
      headers: ifMatch(options),
      body: { graceSeconds, expiresAt: orNull(expiresAt), closePrevious },
      idempotencyKey,
    });
    return { value: answer, text: withSecret(answer) };
  });
}

function addRevoke(token: Command): void {
  const revoke = target(
    defineCommand(token, {
      usage: 'revoke <token-id>',
      summary: 'end a token for good; safe to repeat',
      examples: [
        'token-ledger token revoke "$TOKEN_ID" --org demo --reason compromised --note "found in a log"',
      ],
    }),
  );
  revoke
    .addOption(new Option('--reason <reason>', 'why').choices(REASONS).default('requested'))
    .option('--note <text>', 'further words for the audit log');
  type RevokeOptions = TargetOptions & { reason: string; note?: string };
  runs<RevokeOptions>(revoke, async (options, [id = '']) => {
    const { org, reason, note, idempotencyKey } = options;
    const answer = await connect(options).send<{ token: TokenView; revocationId: string }>({
      method: 'POST',
      path: path`/v1/orgs/${org}/tokens/${id}/revoke`,
      headers: ifMatch(options),
      body: { reason, note },
      idempotencyKey,
    });
    const { token: revoked, revocationId } = answer;
    const text = fields([
      ['token', revoked.id],
      ['name', revoked.name],
      ['status', revoked.status],
      ['revocation', revocationId],
    ]);
    return { value: answer, text };
  });
}

function target(command: Command): Command {
  return writes(command)
    .requiredOption('--org <org>', 'slug or id of the organization')
    .option(
      '--if-revision <revision>',
      'only if the token still stands at this revision',
      wholeNumber(1, Number.MAX_SAFE_INTEGER),
    );
}

function ifMatch({ ifRevision }: TargetOptions): Record<string, string> {
  return ifRevision === undefined ? {} : { 'if-match': `"${ifRevision}"` };
}
