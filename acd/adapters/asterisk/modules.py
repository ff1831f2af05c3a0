"""Which of Asterisk's modules Guichet loads: those it cannot do without, and those that later features use.

A short list instead of "all there are" starts in a second, takes a third of the memory, and leaves closed what
nobody watches (IAX, HTTP, ARI, voicemail's SMTP...).
"""

from __future__ import annotations

from pathlib import Path

from acd.adapters.asterisk.machine import InstallationError

# Without one of these a call cannot come in, be heard, ring an agent or be steered.
REQUIRED: tuple[str, ...] = (
    "app_dial",
    "app_playback",
    "app_stack",
    "bridge_simple",
    "bridge_native_rtp",
    "bridge_softmix",
    "bridge_builtin_features",
    "chan_pjsip",
    "codec_alaw",
    "codec_ulaw",
    "format_pcm",
    "format_sln",
    "format_wav",
    "func_callerid",
    "func_channel",
    "func_logic",
    "func_strings",
    "pbx_config",
    "res_agi",
    "res_musiconhold",
    "res_pjproject",
    "res_pjsip",
    "res_pjsip_authenticator_digest",
    "res_pjsip_caller_id",
    "res_pjsip_endpoint_identifier_ip",
    "res_pjsip_endpoint_identifier_user",
    "res_pjsip_nat",
    "res_pjsip_registrar",
    "res_pjsip_sdp_rtp",
    "res_pjsip_session",
    "res_rtp_asterisk",
    "res_sorcery_astdb",
    "res_sorcery_config",
    "res_sorcery_memory",
    "res_timing_timerfd",
)

# Loaded where they are there: recording, supervision, transfers, parking, conferences, callbacks, queues of
# those who come from app_queue, and what the above need of each other.
OPTIONAL: tuple[str, ...] = (
    "app_amd",
    "app_attended_transfer",
    "app_blind_transfer",
    "app_bridgewait",
    "app_bridgeaddchan",
    "app_channelredirect",
    "app_chanspy",
    "app_confbridge",
    "app_controlplayback",
    "app_directed_pickup",
    "app_echo",
    "app_exec",
    "app_milliwatt",
    "app_mixmonitor",
    "app_originate",
    "app_playtones",
    "app_queue",
    "app_read",
    "app_record",
    "app_sayunixtime",
    "app_senddtmf",
    "app_softhangup",
    "app_system",
    "app_transfer",
    "app_userevent",
    "app_verbose",
    "app_waitforsilence",
    "app_while",
    "bridge_builtin_interval_features",
    "bridge_holding",
    "codec_a_mu",
    "codec_g722",
    "codec_gsm",
    "codec_resample",
    "format_gsm",
    "format_wav_gsm",
    "func_base64",
    "func_cut",
    "func_db",
    "func_devstate",
    "func_dialplan",
    "func_env",
    "func_extstate",
    "func_global",
    "func_groupcount",
    "func_hangupcause",
    "func_math",
    "func_module",
    "func_periodic_hook",
    "func_pjsip_aor",
    "func_pjsip_contact",
    "func_pjsip_endpoint",
    "func_rand",
    "func_sprintf",
    "func_talkdetect",
    "func_timeout",
    "func_uri",
    "func_volume",
    "res_clioriginate",
    "res_convert",
    "res_crypto",
    "res_manager_devicestate",
    "res_manager_presencestate",
    "res_mutestream",
    "res_parking",
    "res_pjsip_acl",
    "res_pjsip_dtmf_info",
    "res_pjsip_diversion",
    "res_pjsip_dlg_options",
    "res_pjsip_header_funcs",
    "res_pjsip_logger",
    "res_pjsip_maintenance",
    "res_pjsip_outbound_authenticator_digest",
    "res_pjsip_outbound_registration",
    "res_pjsip_path",
    "res_pjsip_pubsub",
    "res_pjsip_refer",
    "res_pjsip_rfc3326",
    "res_security_log",
    "res_speech",
    "res_srtp",
)


def modules_to_load(folder: Path) -> tuple[str, ...]:
    """Names as modules.conf wants them (`app_dial.so`), required ones first.

    Raises InstallationError naming every required module that is not in `folder` and where to get it.
    """
    missing = [name for name in REQUIRED if not (folder / f"{name}.so").exists()]
    if missing:
        several = len(missing) > 1
        raise InstallationError(
            f"Asterisk's {'modules' if several else 'module'} {', '.join(missing)} {'are' if several else 'is'} not in"
            f" {folder}: install the package asterisk-modules (Debian, Ubuntu), or build Asterisk with"
            f" {'them' if several else 'it'}"
        )
    return (
        *(f"{name}.so" for name in REQUIRED),
        *(f"{name}.so" for name in OPTIONAL if (folder / f"{name}.so").exists()),
    )


def all_modules() -> tuple[str, ...]:
    """The same for an Asterisk elsewhere, whose folder cannot be seen: what it lacks it will say itself."""
    return tuple(f"{name}.so" for name in (*REQUIRED, *OPTIONAL))
