/** Every scope of the SoCMate dialect. None grants another: to write is not to read. */
export const SOCMATE_SCOPES = [
  'investigations:read',
  'investigations:write',
  'incidents:read',
  'search:read',
  'graph:read',
] as const;
