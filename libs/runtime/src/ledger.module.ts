import { type DynamicModule, Module } from '@nestjs/common';
import { CqrsModule } from '@nestjs/cqrs';
import {
  ChangeOrganizationHandler,
  CloseGraceHandler,
  Clock,
  ConsumeQuotaHandler,
  CreateOrganizationHandler,
  CreateTokenHandler,
  DecideAndAppend,
  IssuePersonalTokenHandler,
  QuotaQueue,
  RegisterUserHandler,
  ReportPositionHandler,
  RetireGatewayHandler,
  ReturnLeaseHandler,
  RevokePersonalTokenHandler,
  RevokeTokenHandler,
  RotateTokenHandler,
  UpdateTokenHandler,
  UseRecorder,
} from '@ledger/commands';
import { EventStore } from '@ledger/event-store';
import {
  AuditLog,
  CredentialIndex,
  Directory,
  KeySearch,
  Projector,
  Propagation,
  QuotaStandings,
  TokenList,
} from '@ledger/read-models';
import { LedgerCounters } from './ledger-counters.js';
import type { Ledger } from './ledger.js';
import { ProjectorProgress } from './read-model-progress.js';

const HANDLERS = [
  ChangeOrganizationHandler,
  CloseGraceHandler,
  ConsumeQuotaHandler,
  CreateOrganizationHandler,
  CreateTokenHandler,
  IssuePersonalTokenHandler,
  RegisterUserHandler,
  ReportPositionHandler,
  RetireGatewayHandler,
  ReturnLeaseHandler,
  RevokePersonalTokenHandler,
  RevokeTokenHandler,
  RotateTokenHandler,
  UpdateTokenHandler,
];

/** Which ledger this is: the random name that it was given when it was made. */
export class LedgerIdentity {
  constructor(readonly ledgerId: string) {}
}

/** Offers an opened ledger to Nest: its parts by their own classes, its commands on the bus. */
@Module({})
export class LedgerModule {
  static of(ledger: Ledger): DynamicModule {
    const parts = [
      { provide: LedgerIdentity, useValue: new LedgerIdentity(ledger.ledgerId) },
      { provide: EventStore, useValue: ledger.store },
      { provide: Clock, useValue: ledger.clock },
      { provide: DecideAndAppend, useValue: ledger.commands },
      { provide: QuotaQueue, useValue: ledger.quotaQueue },
      { provide: LedgerCounters, useValue: ledger.counters },
      { provide: UseRecorder, useValue: ledger.uses },
      { provide: Projector, useValue: ledger.projector },
      { provide: ProjectorProgress, useValue: ledger.progress },
      { provide: CredentialIndex, useValue: ledger.credentials },
      { provide: Directory, useValue: ledger.directory },
      { provide: QuotaStandings, useValue: ledger.quotas },
      { provide: TokenList, useValue: ledger.tokens },
      { provide: KeySearch, useValue: ledger.keys },
      { provide: AuditLog, useValue: ledger.audit },
      { provide: Propagation, useValue: ledger.propagation },
    ];
    return {
      module: LedgerModule,
      global: true,
      imports: [CqrsModule.forRoot()],
      providers: [...parts, ...HANDLERS],
      exports: [...parts.map(({ provide }) => provide), CqrsModule],
    };
  }
}
