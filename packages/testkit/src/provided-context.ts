import type { RunContext } from './shared-servers.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    payflowRun: RunContext | undefined
  }
}
