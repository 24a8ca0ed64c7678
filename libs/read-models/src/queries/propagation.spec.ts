import { ReportPositionCommand, RetireGatewayCommand, RevokeTokenCommand } from '@ledger/commands';
import {
  existingToken,
  ManualClock,
  openCommandNode,
  request,
  sampleOrg,
} from '@ledger/commands/testing';
import type { OrgId } from '@ledger/domain';
import { openReadModels } from '../testing/index.js';

async function opened() {
  const clock = new ManualClock('2026-01-15T00:00:00.000Z');
  const node = openCommandNode({ clock });
  const { store } = node;
  const { projector, propagation } = await openReadModels(store);
  const report = async (gatewayId: string, position?: string, orgId: OrgId | null = sampleOrg) => {
    clock.advance(10);
    const applied = position ?? String(await store.head());
    const command = new ReportPositionCommand({ orgId, gatewayId }, applied, request());
    await node.reportPosition.execute(command);
  };
  const retire = async (gatewayId: string, orgId: OrgId | null = sampleOrg) => {
    clock.advance(10);
    await node.retireGateway.execute(new RetireGatewayCommand({ orgId, gatewayId }, request()));
  };
  const revoke = async (): Promise<string> => {
    const { target } = await existingToken(node);
    const cause = { reason: 'requested', note: null } as const;
    const revoked = await node.revokeToken.execute(
      new RevokeTokenCommand(target, cause, request()),
    );
    if (revoked.outcome === 'rejected') throw new Error('the system may revoke tokens');
    return (revoked.events[0] as { revocationId: string }).revocationId;
  };
  /** Names with the milliseconds after which they were in effect, or null. */
  const shown = async (revocationId: string): Promise<Record<string, number | null>> => {
    await projector.caughtUp();
    const effects = propagation.of(propagation.revocation(revocationId)!);
    return Object.fromEntries(effects.map(({ gatewayId, afterMs }) => [gatewayId, afterMs]));
  };
  return { projector, propagation, report, retire, revoke, shown };
}

describe('the propagation of a revocation', () => {
  it('counts who was reporting then, and when each had applied it', async () => {
    const { report, revoke, shown } = await opened();
    await report('edge-1');
    await report('edge-2');
    const revocation = await revoke();
    expect(await shown(revocation)).toEqual({ 'edge-1': null, 'edge-2': null });
    await report('edge-2');
    expect(await shown(revocation)).toEqual({ 'edge-1': null, 'edge-2': 10 });
    await report('edge-1');
    await report('edge-1');
    expect(await shown(revocation)).toEqual({ 'edge-1': 20, 'edge-2': 10 });
  });

  it('takes a report of an earlier position for no effect', async () => {
    const { report, revoke, shown } = await opened();
    await report('edge-1', '0');
    const revocation = await revoke();
    await report('edge-1', '1');
    expect(await shown(revocation)).toEqual({ 'edge-1': null });
  });

  it('tells several revocations apart', async () => {
    const { report, revoke, shown } = await opened();
    await report('edge-1');
    const first = await revoke();
    await report('edge-1');
    const second = await revoke();
    expect([await shown(first), await shown(second)]).toEqual([
      { 'edge-1': 10 },
      { 'edge-1': null },
    ]);
    await report('edge-1');
    expect([await shown(first), await shown(second)]).toEqual([{ 'edge-1': 10 }, { 'edge-1': 10 }]);
  });

  it('leaves out who had retired before, and who came later and knew of it', async () => {
    const { report, retire, revoke, shown } = await opened();
    await report('edge-1');
    await retire('edge-1');
    const revocation = await revoke();
    await report('edge-2');
    await report('edge-1');
    expect(await shown(revocation)).toEqual({});
  });

  it('counts who came later and did not know of it', async () => {
    const { report, revoke, shown } = await opened();
    const revocation = await revoke();
    await report('edge-1', '1');
    expect(await shown(revocation)).toEqual({ 'edge-1': null });
    await report('edge-1');
    expect(await shown(revocation)).toEqual({ 'edge-1': 20 });
  });

  it('is in effect on who retires, since it answers nobody any more', async () => {
    const { report, retire, revoke, shown } = await opened();
    await report('edge-1');
    const revocation = await revoke();
    await retire('edge-1');
    expect(await shown(revocation)).toEqual({ 'edge-1': 10 });
  });

  it("is shown for gateways of the token's organization and of the operator, and no others", async () => {
    const { report, revoke, shown, propagation, projector } = await opened();
    await report('edge-1');
    await report('edge-1', undefined, 'org-2' as OrgId);
    await report('edge-0', undefined, null);
    const revocation = await revoke();
    await report('edge-0', undefined, null);
    expect(await shown(revocation)).toEqual({ 'edge-0': 10, 'edge-1': null });
    await projector.caughtUp();
    expect(propagation.gateways('every')).toHaveLength(3);
    expect(propagation.gateways([])).toMatchObject([{ gatewayId: 'edge-0', orgId: null }]);
    expect(propagation.revocation('nothing')).toBeUndefined();
  });
});
