import { Ajv2020 } from 'ajv/dist/2020.js';
import type { TokenId } from '@ledger/domain';
import { isPlainText } from '../plain-text.js';
import { consumption, verifyBatch, verifyItem } from '../routes/hot-routes-contract.js';
import type { HotValidators } from './hot-json.js';

/** One question of `/v1/verify`. */
export interface VerifyItem {
  readonly token: string;
  readonly scopes?: readonly string[];
  readonly resource?: {
    readonly organization: string;
    readonly repository?: string;
    readonly workspace?: string;
  };
  readonly cost?: number;
  readonly operation?: string;
}

export interface VerifyBatch {
  readonly items: readonly VerifyItem[];
}

/** One charge of `/v1/quota/consume`: the token by its id or by its secret. */
export interface Consumption {
  readonly units: number;
  readonly operation?: string;
  readonly tokenId?: TokenId;
  readonly token?: string;
}

export const verifyValidators = compile<VerifyItem>(verifyItem);
export const batchValidators = compile<VerifyBatch>(verifyBatch);
export const consumptionValidators = compile<Consumption>(consumption);

/** Compiled once, from the very schemas that the documentation shows. */
function compile<Input>(schema: object): HotValidators<Input> {
  return {
    quick: validator(false).compile<Input>(schema),
    thorough: validator(true).compile<Input>(schema),
  };
}

function validator(allErrors: boolean): Ajv2020 {
  // Defaults are for the documentation: filling them in would change what was sent.
  const ajv = new Ajv2020({ allErrors, strict: true, strictTypes: false, strictRequired: false });
  ajv.addFormat('plain-text', isPlainText);
  return ajv;
}
