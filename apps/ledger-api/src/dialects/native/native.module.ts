import { Module, type OnModuleInit } from '@nestjs/common';
import { DiscoveryModule, DiscoveryService } from '@nestjs/core';
import { Authenticator } from '../../http/caller.js';
import { AuditController } from './audit/audit.controller.js';
import { DocumentationController } from './documentation/documentation.controller.js';
import { EventFeed } from './events/event-feed.js';
import { EventsController } from './events/events.controller.js';
import { GatewaysController } from './gateways/gateways.controller.js';
import { LeasesController } from './gateways/leases.controller.js';
import { InvalidationsController } from './events/invalidations.controller.js';
import { OpenStreams } from './events/open-streams.js';
import { NativeTargets } from './management/native-targets.js';
import { TokenHistory } from './management/token-history.js';
import { TokenReadsController } from './management/token-reads.controller.js';
import { TokenWritesController } from './management/token-writes.controller.js';
import { NativeAccess } from './native-access.js';
import { NativeAnswers } from './native-answers.js';
import { NativeGuard } from './native.guard.js';
import { OauthController } from './oauth/oauth.controller.js';
import { OrganizationsController } from './people/organizations.controller.js';
import { PeopleRoles } from './people/people-roles.js';
import { UsersController } from './people/users.controller.js';
import { assertPolicies } from './route-policies.js';
import { SecretsController } from './secrets/secrets.controller.js';
import { SelfController } from './self.controller.js';

/** The native API `/v1`, but for its hot routes: those are registered beside Nest. */
@Module({
  imports: [DiscoveryModule],
  controllers: [
    AuditController,
    DocumentationController,
    EventsController,
    GatewaysController,
    LeasesController,
    InvalidationsController,
    OauthController,
    OrganizationsController,
    SecretsController,
    SelfController,
    TokenReadsController,
    TokenWritesController,
    UsersController,
  ],
  providers: [
    Authenticator,
    EventFeed,
    { provide: NativeAccess, useClass: PeopleRoles },
    NativeAnswers,
    NativeGuard,
    NativeTargets,
    OpenStreams,
    TokenHistory,
  ],
})
export class NativeModule implements OnModuleInit {
  constructor(private readonly discovery: DiscoveryService) {}

  /** Runs before anything listens: a route without a policy keeps the service from starting (A1). */
  onModuleInit(): void {
    const own = this.discovery
      .getControllers()
      .filter(({ host, metatype }) => host?.metatype === NativeModule && metatype !== null)
      .map(({ metatype }) => metatype as new () => object);
    assertPolicies(own);
  }
}
