import { z } from 'zod'
import { defineMessage } from '../../src/index.ts'
import type { MessageDefinition } from '../../src/index.ts'

/** What is to become of a message: handled, handled at a later try, or parked. */
export const fates = ['plain', 'flaky', 'hopeless', 'refused'] as const

/** The `n`th message of a key. */
export interface Step {
  key: string
  n: number
  fate: (typeof fates)[number]
}

const schema: z.ZodType<Step, Step> = z.object({
  key: z.string(),
  n: z.number().int(),
  fate: z.enum(fates),
})

/** Written by the writers. */
export const Moved: MessageDefinition<Step, Step> = defineMessage({
  type: 'chaos.moved',
  version: 1,
  schema,
  key: (step) => step.key,
})

/** Written by the handler of the first, in its transaction. */
export const Noted: MessageDefinition<Step, Step> = defineMessage({
  type: 'chaos.noted',
  version: 1,
  schema,
  key: (step) => step.key,
})
