//! The watchdog, off by default: a timer that asks the health path while the service runs.

use super::emitted::{Emitted, header, link};
use crate::config::{Config, PROBE, RUN_DIR};

/// The timer and the service that it starts, bound to the life of the unit.
pub(super) fn emitted(config: &Config) -> Vec<Emitted> {
    let interval = config.watchdog_interval_sec.value;
    if interval == 0 {
        return Vec::new();
    }
    let unit = config.unit();
    let name = config.watchdog_unit();
    let timer = format!("{name}.timer");
    let timer_text = header(config, "the watchdog's clock")
        + &format!(
            "[Unit]\n\
             Description=Watchdog timer of {unit}\n\
             Documentation=man:projectmeats-generator(8)\n\
             # stops, starts and restarts with the service\n\
             PartOf={unit}\n\
             After={unit}\n\
             \n\
             [Timer]\n\
             OnActiveSec={interval}\n\
             OnUnitInactiveSec={interval}\n\
             AccuracySec=1\n"
        );
    let limit = config.health_timeout_sec.value.saturating_mul(4).saturating_add(30);
    let service_text = header(config, "one look of the watchdog")
        + &format!(
            "[Unit]\n\
             Description=Watchdog of {unit}\n\
             Documentation=man:projectmeats-generator(8)\n\
             \n\
             [Service]\n\
             Type=oneshot\n\
             ExecStart={PROBE} --strike\n\
             TimeoutStartSec={limit}\n\
             NoNewPrivileges=yes\n\
             ProtectSystem=strict\n\
             ReadWritePaths=-{RUN_DIR}\n\
             ProtectHome=yes\n\
             PrivateTmp=yes\n"
        );
    vec![
        Emitted::File { path: format!("{name}.service").into(), text: service_text },
        Emitted::File { path: timer.clone().into(), text: timer_text },
        link(&format!("{unit}.wants"), &timer),
    ]
}
