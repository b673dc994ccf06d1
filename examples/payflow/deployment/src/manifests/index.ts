import { jobPolicies } from './job-policies.ts'
import { networkPolicies } from './network.ts'
import { podPolicies } from './pod-policies.ts'
import type { Policy } from './policy.ts'
import { productionPolicies } from './production-policies.ts'
import { referencePolicies } from './reference-policies.ts'
import { scalePolicies } from './scale-policies.ts'

/** What must hold of every overlay, by name. */
export const everywhere: Readonly<Record<string, Policy>> = {
  ...podPolicies,
  ...referencePolicies,
  ...scalePolicies,
  ...jobPolicies,
  ...networkPolicies,
}

/** What must hold of production besides. */
export const inProduction: Readonly<Record<string, Policy>> = productionPolicies
