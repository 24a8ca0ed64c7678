import type { Projection, ResidentRows } from '../projector/projection.js';
import type { ProjectionRun } from '../projector/projector.js';
import { auditLog } from './audit-log.projection.js';
import { credentials } from './credentials.projection.js';
import { gateways } from './gateways.projection.js';
import { organizations, type DirectoryRow } from './organizations.projection.js';
import { quotaUsage } from './quota-usage.projection.js';
import { revocations } from './revocations.projection.js';
import { tokenList } from './token-list.projection.js';

/** Every read model of a ledger. */
export const PROJECTIONS = [
  credentials,
  organizations,
  quotaUsage,
  tokenList,
  auditLog,
  gateways,
  revocations,
] as readonly Projection<object>[];

/**
 * Every read model as a ledger runs it: what each call asks for is at hand in memory.
 *
 * @param cachedMax How many credentials, and as many quotas, stay there once they were asked for.
 */
export function projectionRuns(
  directory: ResidentRows<DirectoryRow>,
  cachedMax: number,
): readonly ProjectionRun[] {
  const access: Readonly<Record<string, Omit<ProjectionRun, 'projection'>>> = {
    [credentials.name]: { cachedMax },
    [organizations.name]: { resident: directory as ResidentRows<object> },
    [quotaUsage.name]: { cachedMax },
  };
  return PROJECTIONS.map((projection) => ({ projection, ...access[projection.name] }));
}
