import { runService } from '@payflow-app/service-kit'
import { reversalService } from './reversal-service.ts'

await runService(reversalService)
