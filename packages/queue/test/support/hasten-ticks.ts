import type { Server } from '@payflow/testkit'
import { rabbitmqctl } from './rabbitmqctl.ts'

/**
 * Makes a private broker look for overdue acknowledgements twice a second. It does so once a minute
 * by default, and rabbitmq.conf has no name for the interval, so this asks the running node.
 * Where its tools aren't found the minute has to be waited out.
 */
export async function hastenTicks(server: Server, home: string, epmdPort: number): Promise<void> {
  await rabbitmqctl(server, { home, epmdPort }, [
    'eval',
    'application:set_env(rabbit, channel_tick_interval, 500).',
  ])
}
