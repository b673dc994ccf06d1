import { Check, Clock3, X } from 'lucide-react'
import type { PaymentStatus } from '@payflow-app/contracts'
import { statusWord } from '../words.ts'

const looks = {
  PENDING: { icon: Clock3, look: 'bg-wait-tint text-wait' },
  COMPLETED: { icon: Check, look: 'bg-good-tint text-good' },
  FAILED: { icon: X, look: 'bg-bad-tint text-bad' },
} as const satisfies Record<PaymentStatus, unknown>

export function StatusBadge(props: { readonly status: PaymentStatus }) {
  const { icon: Icon, look } = looks[props.status]
  return (
    <span className={`inline-flex items-center gap-1 rounded-full px-2 py-0.5 text-xs ${look}`}>
      <Icon aria-hidden='true' className='size-3' strokeWidth={2.5} />
      {statusWord[props.status]}
    </span>
  )
}
