import { COST_MAX, type Dialect } from '@ledger/domain';

/** Every dialect, said so that a new one stops the build here. */
const BY_DIALECT: Record<Dialect, true> = { native: true, socket: true, socmate: true };

export const DIALECTS = Object.keys(BY_DIALECT) as readonly Dialect[];

/** Bounds of what callers may send, in code points for texts. The contract publishes them. */
export const LIMITS = {
  name: 128,
  description: 1024,
  note: 1024,
  ownerId: 128,
  resourcePart: 255,
  scopes: 100,
  resources: 100,
  metadataPairs: 16,
  metadataKey: 64,
  metadataValue: 512,
  operation: 128,
  secret: 1024,
  units: COST_MAX,
  graceSeconds: 2_592_000,
  batch: 100,
  page: 200,
  pageDefault: 50,
} as const;

/** A token expires soon when it has at most this long left: what the status filter `expiring` shows. */
export const EXPIRING_MS = 7 * 24 * 3_600_000;
