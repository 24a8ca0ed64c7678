import { Module, type DynamicModule } from '@nestjs/common';
import { epochMs, type Secret, type Timestamp } from '@ledger/domain';
import type { SecretUsage } from '@ledger/read-models';

export const SAFE_TO_CLOSE_MS_DEFAULT = 24 * 3_600_000;

/** For how long nobody may have used an old secret before its grace is called safe to close. */
export class SafeToClose {
  constructor(private readonly unusedMs: number) {}

  /** Of a secret that was never used, its age says how long it has been watched. */
  isSafe({ issuedAt }: Secret, usage: SecretUsage | undefined, now: Timestamp): boolean {
    return epochMs(now) - epochMs(usage?.lastUsedAt ?? issuedAt) >= this.unusedMs;
  }
}

/** Offers the deployment's setting to whoever judges secrets. */
@Module({})
export class SafeToCloseModule {
  static of(unusedMs: number): DynamicModule {
    const providers = [{ provide: SafeToClose, useValue: new SafeToClose(unusedMs) }];
    return { module: SafeToCloseModule, global: true, providers, exports: [SafeToClose] };
  }
}
