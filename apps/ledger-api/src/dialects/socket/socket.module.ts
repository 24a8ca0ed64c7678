import { Module } from '@nestjs/common';
import { Authenticator } from '../../http/caller.js';
import { SocketTargets } from './socket-target.js';
import { SocketController } from './socket.controller.js';
import { SocketGuard } from './socket.guard.js';

@Module({
  controllers: [SocketController],
  providers: [Authenticator, SocketGuard, SocketTargets],
})
export class SocketModule {}
