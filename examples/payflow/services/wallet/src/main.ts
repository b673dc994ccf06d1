import { runService } from '@payflow-app/service-kit'
import { walletService } from './service.ts'

await runService(walletService)
