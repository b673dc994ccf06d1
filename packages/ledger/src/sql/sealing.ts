import { checkpointJsonFunction } from './checkpoint-json.ts'
import { checkpointFunction } from './checkpoint.ts'
import { exportReads } from './export.ts'
import { periods } from './periods.ts'
import { checkpointReads } from './read-checkpoints.ts'
import { signCheckpointFunction } from './sign-checkpoint.ts'

/** Functions of checkpoints, exports and sealed periods, each before its first user. */
export const sealing = (s: string): readonly string[] => [
  checkpointJsonFunction(s),
  checkpointFunction(s),
  signCheckpointFunction(s),
  ...checkpointReads(s),
  ...exportReads(s),
  ...periods(s),
]
