import { ofKind, type Manifest } from './objects.ts'
import type { Policy } from './policy.ts'

/** The reversal's own time budget, and the decision it may still be waiting for at its end. */
const REVERSAL_RUN_S = 40 + 10

/** What must hold of jobs: none hangs, none piles up, and a failure is seen. */
export const jobPolicies: Readonly<Record<string, Policy>> = {
  'the reversal runs every minute, one at a time, and never hangs': (objects) => {
    const [reversal, ...others] = ofKind(objects, 'CronJob')
    if (reversal === undefined || others.length > 0) return ['there is not one CronJob']
    const { spec } = reversal
    const job = spec.jobTemplate.spec
    const rules: readonly (readonly [boolean, string])[] = [
      [spec.schedule === '* * * * *' && spec.timeZone === 'Etc/UTC', 'is not every minute'],
      [spec.concurrencyPolicy === 'Forbid', 'may run beside itself'],
      [spec.suspend !== true, 'is suspended'],
      // Below ten seconds the controller, which looks every ten, may miss every start.
      [spec.startingDeadlineSeconds >= 10, 'may miss every start'],
      [spec.startingDeadlineSeconds < 60, 'starts late what the next minute does anyway'],
      [job.activeDeadlineSeconds > REVERSAL_RUN_S, 'is killed within its own time budget'],
      [job.activeDeadlineSeconds <= 180, 'hangs for long and keeps the next from starting'],
      [job.backoffLimit === 0, 'is tried again beside the next minute'],
      [job.ttlSecondsAfterFinished > 0, 'leaves its pods behind'],
      [spec.failedJobsHistoryLimit >= 1, 'hides its failures'],
      [job.template.spec.restartPolicy === 'Never', 'restarts and hides that it failed'],
    ]
    return rules.filter(([holds]) => !holds).map(([, fault]) => `the reversal ${fault}`)
  },

  'the reversal is run by the command that reports': (objects) => {
    const [reversal] = ofKind(objects, 'CronJob')
    const command: string[] =
      reversal?.spec.jobTemplate.spec.template.spec.containers[0].command ?? []
    const wanted = ['run', '--config', 'src/reversal-config.ts']
    const right = wanted.every((part) => command.includes(part))
    // Tolerated, a mass reversal would be a Job that succeeded.
    return right && !command.includes('--tolerate-mass-reversal')
      ? []
      : [`the reversal is run by ${command.join(' ')}`]
  },

  'the migrations end, and are cleaned up': (objects) => {
    const [migrations, ...others] = ofKind(objects, 'Job')
    if (migrations === undefined || others.length > 0) return ['there is not one Job']
    const { spec } = migrations
    return hasLimits(spec) && spec.template.spec.restartPolicy === 'Never'
      ? []
      : ['the migrations may run for ever, or leave their pods behind']
  },
}

function hasLimits(spec: Manifest['spec']): boolean {
  return spec.activeDeadlineSeconds > 0 && spec.backoffLimit > 0 && spec.ttlSecondsAfterFinished > 0
}
