//! Generates the client from the protos, by a protoc that comes as a crate.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let protos = "../../protos";
    let mut config = prost_build::Config::new();
    config.protoc_executable(protoc_bin_vendored::protoc_bin_path()?);
    let includes = [
        protos.into(),
        protoc_bin_vendored::include_path()?.display().to_string(),
    ];
    let files = ["channel", "stream"].map(|name| format!("blackroad/realtime/v1/{name}.proto"));
    println!("cargo:rerun-if-changed={protos}");
    tonic_prost_build::configure()
        .build_server(false)
        .build_transport(false) // its `connect` would hide that of ChannelService
        .compile_with_config(config, &files, &includes)?;
    Ok(())
}
