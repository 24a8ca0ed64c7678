import type { LedgerEvent } from '@ledger/domain';

/** Every audit type that the dialect's OpenAPI document names. */
export const AUDIT_TYPES = [
  'AddLicenseOverlayNote',
  'AssociateLabel',
  'CancelInvitation',
  'ChangeMemberRole',
  'ChangePlanSubscriptionSeats',
  'CreateApiToken',
  'CreateArtifact',
  'CreateFirewallCustomRegistry',
  'CreateFirewallDeploymentConfig',
  'CreateLabel',
  'CreateOauthRefreshToken',
  'CreateRepoAccessRule',
  'CreateUserWithPassword',
  'CreateWebhook',
  'CreateTicket',
  'CoanaCliLegacyModeCutoffUpdated',
  'CoanaCliLegacyModeDemoteOrg',
  'CoanaCliLegacyModePromoteOrg',
  'DeleteAlertTriage',
  'DeleteApiToken',
  'DeleteFirewallCustomRegistry',
  'DeleteFirewallDeploymentConfig',
  'DeleteFullScan',
  'DeleteLabel',
  'DeleteLabelSetting',
  'DeleteRepoAccessRule',
  'DeleteReport',
  'DeleteRepository',
  'DeleteWebhook',
  'DisassociateLabel',
  'DisconnectJiraIntegration',
  'DowngradeOrganizationPlan',
  'EnqueueAutopatchPrepareJob',
  'JoinOrganization',
  'JiraIntegrationConnected',
  'MemberAdded',
  'MemberRemoved',
  'MemberRoleChanged',
  'RemoveLicenseOverlay',
  'RemoveMember',
  'ResetInvitationLink',
  'ResetOrganizationSettingToDefault',
  'RevokeOauthToken',
  'RotateOauthRefreshToken',
  'RevokeApiToken',
  'RotateApiToken',
  'SendInvitation',
  'SessionRevokedByUser',
  'SetLabelSettingToDefault',
  'SSOEmailVerificationCompleted',
  'SSOLoginCompleted',
  'SyncOrganization',
  'TransferOwnership',
  'UpdateAlertTriage',
  'UpdateApiTokenCommitter',
  'UpdateApiTokenMaxQuota',
  'UpdateApiTokenName',
  'UpdateApiTokenScopes',
  'UpdateApiTokenVisibility',
  'UpdateAutopatchCurated',
  'UpdateAutopatchPrepareConfig',
  'UpdateFirewallCustomRegistry',
  'UpdateFirewallDeploymentConfig',
  'UpdateLabel',
  'UpdateLabelSetting',
  'UpdateLicenseOverlay',
  'UpdateOrganizationSetting',
  'UpdateRepoAccessRule',
  'UpdateWebhook',
  'UpgradeOrganizationPlan',
  'UserSignedIn',
  'UserSignedOut',
] as const;

export type AuditType = (typeof AUDIT_TYPES)[number];

/** Which domain events this dialect shows, and as what. All others have no type here. */
const TYPE_OF_EVENT: Partial<Record<LedgerEvent['type'], AuditType>> = {
  TokenCreated: 'CreateApiToken',
  TokenRenamed: 'UpdateApiTokenName',
  TokenScopesChanged: 'UpdateApiTokenScopes',
  TokenMaxQuotaChanged: 'UpdateApiTokenMaxQuota',
  TokenVisibilityChanged: 'UpdateApiTokenVisibility',
  TokenCommitterChanged: 'UpdateApiTokenCommitter',
  TokenRotated: 'RotateApiToken',
  TokenRevoked: 'RevokeApiToken',
  MemberAdded: 'MemberAdded',
  MemberRoleChanged: 'MemberRoleChanged',
  MemberRemoved: 'MemberRemoved',
};

export function auditTypeOf(eventType: LedgerEvent['type']): AuditType | undefined {
  return TYPE_OF_EVENT[eventType];
}

/** The domain events behind an audit type; of all types when none is asked for. */
export function eventTypesOf(auditType: string | undefined): readonly string[] {
  return Object.entries(TYPE_OF_EVENT)
    .filter(([, type]) => auditType === undefined || type === auditType)
    .map(([eventType]) => eventType);
}
