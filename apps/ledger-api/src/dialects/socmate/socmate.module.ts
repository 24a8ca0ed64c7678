import { Module } from '@nestjs/common';
import { Authenticator } from '../../http/caller.js';
import { SocmateCallers } from './socmate-callers.js';
import { SocmateController } from './socmate.controller.js';

/** Management of SoCMate API keys. The data routes that they open are registered beside Nest. */
@Module({
  controllers: [SocmateController],
  providers: [Authenticator, SocmateCallers],
})
export class SocmateModule {}
