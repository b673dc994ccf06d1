import { runService } from '@payflow-app/service-kit'
import { worker } from './worker.ts'

await runService(worker)
