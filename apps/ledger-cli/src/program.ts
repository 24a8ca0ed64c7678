import { Command } from 'commander';
import { addAuditCommands } from './online/audit.js';
import { addEventCommands } from './online/events.js';
import { addGatewayCommands } from './online/gateways.js';
import { addMemberCommands, addOrganizationCommands } from './online/organizations.js';
import { addPersonalTokenCommands, addUserCommands } from './online/people.js';
import { addQuotaCommands } from './online/quota.js';
import { addTokenChangeCommands } from './online/token-changes.js';
import { addTokenCommands } from './online/tokens.js';
import { addVerifyCommand } from './online/token-verify.js';
import { addBootstrap } from './offline/bootstrap.js';
import { addInfo } from './offline/info.js';
import { addReplay } from './offline/replay.js';
import { addSkipEvent } from './offline/skip-event.js';
import { addVerify } from './offline/verify.js';
import { defineGroup } from './define-command.js';
import { packageVersion } from './package-version.js';

const ENVIRONMENT = `
Environment:
  LEDGER_URL       where the service listens (default http://127.0.0.1:8080)
  LEDGER_TOKEN     the credential: a personal token, or the secret of an organization's token
  LEDGER_DATA_DIR  the data directory, for bootstrap, replay, verify, info and skip-event (default ./data)

Exit codes:
  0 ok   1 failed   2 usage   3 not authenticated or forbidden   4 not found
  5 conflict or precondition   6 quota or rate limit   7 not available   8 integrity violated`;

/** The whole command line. Failures are thrown, so that one place decides how the process ends. */
export function createProgram(): Command {
  const program = new Command('token-ledger')
    .description('The ledger of API tokens, from the command line.')
    .version(packageVersion(), '-V, --version')
    .exitOverride()
    .showHelpAfterError('(--help shows what is possible)')
    .addHelpText('after', ENVIRONMENT);
  addOrganizationCommands(defineGroup(program, 'org', 'organizations'));
  addMemberCommands(defineGroup(program, 'member', 'people of an organization'));
  addUserCommands(defineGroup(program, 'user', 'people'));
  addPersonalTokenCommands(defineGroup(program, 'personal-token', 'personal tokens of a person'));
  const token = defineGroup(program, 'token', 'tokens of an organization');
  addTokenCommands(token);
  addTokenChangeCommands(token);
  addVerifyCommand(token);
  addQuotaCommands(defineGroup(program, 'quota', 'what a token may spend and has spent'));
  addAuditCommands(defineGroup(program, 'audit', 'who did what in an organization'));
  addEventCommands(defineGroup(program, 'events', 'the log itself'));
  addGatewayCommands(program);
  addBootstrap(program);
  addReplay(program);
  addVerify(program);
  addInfo(program);
  addSkipEvent(program);
  return program;
}
