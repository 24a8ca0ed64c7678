import {
  auditLog,
  credentials,
  gateways,
  organizations,
  quotaUsage,
  revocations,
  tokenList,
  type Projection,
} from '@ledger/read-models';

/** Every read model of a ledger. */
export const PROJECTIONS = [
  credentials,
  organizations,
  quotaUsage,
  tokenList,
  auditLog,
  gateways,
  revocations,
] as readonly Projection<unknown>[];
