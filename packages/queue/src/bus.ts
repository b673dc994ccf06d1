import type { BusOptions } from './options.ts'
import type { Bus } from './types.ts'

export declare function createBus<DB>(options: BusOptions<DB>): Bus<DB>
